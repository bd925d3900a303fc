#include "provider/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static void test_refuses_what_is_no_certificate(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  struct bytes certificate;
  arena_init(&arena, &memory);
  assert_null(tls_server_context(BYTES("hello"), &arena, &certificate, &error));
  assert_non_null(strstr(error.message, "PLUGIN_CLIENT_CERT"));
  arena_free(&arena);
}

static struct bytes to_pem(struct arena *arena, X509 *certificate)
{
  BIO *output = BIO_new(BIO_s_mem());
  char *data;
  assert_int_equal(PEM_write_bio_X509(output, certificate), 1);
  long size = BIO_get_mem_data(output, &data);
  struct bytes pem = arena_copy(arena, bytes_of(data, (size_t)size));
  BIO_free(output);
  return pem;
}

static X509 *self_signed(EVP_PKEY *key)
{
  X509 *certificate = X509_new();
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  X509_EXTENSION *authority = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
                                                  "critical,CA:TRUE");
  X509_add_ext(certificate, authority, -1);
  X509_EXTENSION_free(authority);
  assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
  return certificate;
}

static bool shake(SSL *client, SSL *server)
{
  for (int i = 0; i < 10; i++) {
    int a = SSL_do_handshake(client);
    int b = SSL_do_handshake(server);
    if (a == 1 && b == 1) return true;
  }
  return false;
}

/* Joins a client to the server and says whether they agree. */
static bool connect_pair(SSL_CTX *server_context, X509 *certificate, EVP_PKEY *key)
{
  BIO *client_end;
  BIO *server_end;
  SSL_CTX *client_context = SSL_CTX_new(TLS_client_method());
  if (certificate != NULL) {
    SSL_CTX_use_certificate(client_context, certificate);
    SSL_CTX_use_PrivateKey(client_context, key);
  }
  SSL *client = SSL_new(client_context);
  SSL *server = SSL_new(server_context);
  SSL_set_alpn_protos(client, (const uint8_t *)"\2h2", 3);
  BIO_new_bio_pair(&client_end, 0, &server_end, 0);
  SSL_set_bio(client, client_end, client_end);
  SSL_set_bio(server, server_end, server_end);
  SSL_set_connect_state(client);
  SSL_set_accept_state(server);
  bool good = shake(client, server);
  SSL_free(client);
  SSL_free(server);
  SSL_CTX_free(client_context);
  return good;
}

static void test_takes_its_client_and_no_other(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  struct bytes own;
  arena_init(&arena, &memory);
  EVP_PKEY *key = EVP_EC_gen("P-256");
  EVP_PKEY *other_key = EVP_EC_gen("P-256");
  X509 *client = self_signed(key);
  X509 *other = self_signed(other_key);
  SSL_CTX *context = tls_server_context(to_pem(&arena, client), &arena, &own, &error);
  assert_non_null(context);
  assert_in_range(own.size, 300, 2000);
  assert_int_equal(bytes_find(own, BYTES("=")), SIZE_MAX);
  assert_true(connect_pair(context, client, key));
  assert_false(connect_pair(context, other, other_key));
  assert_false(connect_pair(context, NULL, NULL));
  SSL_CTX_free(context);
  X509_free(client);
  X509_free(other);
  EVP_PKEY_free(key);
  EVP_PKEY_free(other_key);
  arena_free(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refuses_what_is_no_certificate),
      cmocka_unit_test(test_takes_its_client_and_no_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
