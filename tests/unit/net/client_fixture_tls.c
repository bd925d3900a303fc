#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/client_fixture.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

enum { VALID_S = 3600 };

static X509 *make_certificate(EVP_PKEY *key)
{
  X509 *certificate = X509_new();
  assert_non_null(certificate);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S);
  X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S);
  X509_set_pubkey(certificate, key);
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
  assert_non_null(names);
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
  return certificate;
}

/* HTTP/2 when the client offers it. */
static int choose_protocol(SSL *ssl, const uint8_t **out, uint8_t *out_size, const uint8_t *in,
                           unsigned int in_size, void *context)
{
  (void)ssl;
  (void)context;
  static const uint8_t known[] = "\x02h2\x08http/1.1";
  uint8_t *chosen;
  if (SSL_select_next_proto(&chosen, out_size, known, sizeof(known) - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *client_fixture_tls_context(char *ca_file)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  assert_non_null(key);
  X509 *certificate = make_certificate(key);
  int fd = mkstemp(ca_file);
  assert_true(fd >= 0);
  FILE *file = fdopen(fd, "w");
  assert_non_null(file);
  assert_int_equal(PEM_write_X509(file, certificate), 1);
  assert_int_equal(fclose(file), 0);
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  assert_non_null(context);
  assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
  assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}
