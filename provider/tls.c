#include "provider/tls.h"

#include "base/encode.h"
#include "provider/text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum {
  SKEW_S = 30,               /* before now, in case the clock is set back */
  LIFETIME_S = 24 * 60 * 60, /* an apply may take hours; nobody sees the certificate after it */
  SERIAL_BYTES = 8,
};

static void *fail(struct error *error, const char *what)
{
  char reason[128];
  ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
  error_set(error, ERROR_IO, "%s: %s", what, reason);
  return NULL;
}

/* What go-plugin's own servers say of themselves; Go's verifier wants each of them. */
static bool add_extensions(X509 *certificate)
{
  static const struct {
    int id;
    const char *value;
  } EXTENSIONS[] = {
      {NID_basic_constraints, "critical,CA:TRUE"},
      {NID_key_usage, "critical,digitalSignature,keyEncipherment,keyAgreement,keyCertSign"},
      {NID_ext_key_usage, "clientAuth,serverAuth"},
      {NID_subject_alt_name, "DNS:localhost"},
  };
  for (size_t i = 0; i < sizeof(EXTENSIONS) / sizeof(EXTENSIONS[0]); i++) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, EXTENSIONS[i].id,
                                                    EXTENSIONS[i].value);
    bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    if (!good) return false;
  }
  return true;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key)
{
  uint64_t serial;
  X509_NAME *name = X509_get_subject_name(certificate);
  return RAND_bytes((uint8_t *)&serial, SERIAL_BYTES) == 1 &&
         X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -SKEW_S) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), LIFETIME_S) != NULL &&
         X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Traffic Tacos", -1,
                                    -1, 0) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1, -1,
                                    0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_extensions(certificate) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

static struct bytes to_base64(X509 *certificate, struct arena *arena)
{
  uint8_t *der = NULL;
  int size = i2d_X509(certificate, &der);
  if (size <= 0) return bytes_of(NULL, 0);
  char *text = text_alloc(arena, encode_base64_size((size_t)size), 1);
  size_t text_size = encode_to_base64(bytes_of(der, (size_t)size), text);
  OPENSSL_free(der);
  while (text_size > 0 && text[text_size - 1] == '=') text_size--;
  return bytes_of(text, text_size);
}

static bool use_own_certificate(SSL_CTX *context, struct arena *arena, struct bytes *text)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  bool good = key != NULL && certificate != NULL && fill_certificate(certificate, key) &&
              SSL_CTX_use_certificate(context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1;
  if (good) *text = to_base64(certificate, arena);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return good && text->size > 0;
}

static bool trust_client(SSL_CTX *context, struct bytes pem)
{
  BIO *input = BIO_new_mem_buf(pem.data, (int)pem.size);
  X509 *client = input == NULL ? NULL : PEM_read_bio_X509(input, NULL, NULL, NULL);
  bool good = client != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), client) == 1;
  X509_free(client);
  BIO_free(input);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return good;
}

/* gRPC is HTTP/2 only, and Go's client gives up when ALPN does not say so. */
static int select_http2(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                        const unsigned char *offered, unsigned int offered_size, void *context)
{
  static const unsigned char HTTP2[] = {2, 'h', '2'};
  (void)ssl;
  (void)context;
  int result = SSL_select_next_proto((unsigned char **)chosen, chosen_size, HTTP2, sizeof(HTTP2),
                                     offered, offered_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *tls_server_context(struct bytes client_pem, struct arena *arena, struct bytes *certificate,
                            struct error *error)
{
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (context == NULL) return fail(error, "TLS");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  /* A client has one certificate for one connection: there is no session to resume. */
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_alpn_select_cb(context, select_http2, NULL);
  const char *what = NULL;
  if (!trust_client(context, client_pem)) {
    what = "PLUGIN_CLIENT_CERT";
  } else if (!use_own_certificate(context, arena, certificate)) {
    what = "own certificate";
  }
  if (what == NULL) return context;
  SSL_CTX_free(context);
  return fail(error, what);
}
