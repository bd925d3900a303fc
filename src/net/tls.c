/*
 * Contexts and ticket keys.
 *
 * The lock is held for a few instructions per connection: to take the current context, and to copy
 * a ticket key. Invariants:
 *   1. contexts is never NULL after tls_open, and its first element is the current one.
 *   2. A context that is not the current one gets no new streams.
 *   3. previous is older than current, and both are younger than twice TLS_TICKET_KEY_HOURS when
 *      they are handed out.
 */
#include "base/check.h"
#include "net/tls_parts.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

/* Suites of TLS 1.3 and 1.2 in our order: where there are AES instructions AES-128 is fastest. */
static const char SUITES_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char SUITES_12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

static const char GROUPS[] = "X25519:P-256";

/* Names with their length before them (RFC 7301 3.1), in our order. */
static const uint8_t PROTOCOLS[] = "\x02h2\x08http/1.1";
enum { HTTP2_NAME_BYTES = 3 }; /* of "h2" with its length */

/* Two keys with ages below one and below two periods: a ticket opens for at least one period. */
#define TICKET_KEY_NS (INT64_C(3600000000000) * TLS_TICKET_KEY_HOURS)

enum {
  SECURITY_LEVEL = 2,  /* 112 bits: no RSA below 2048, no SHA-1 */
  TICKETS = 1,         /* per handshake: enough for one connection after another */
  TICKET_REFUSED = -1, /* what OpenSSL's callback of ticket keys may return */
  TICKET_UNKNOWN = 0,
  TICKET_GOOD = 1,
  TICKET_RENEW = 2,
};

/* ---- ticket keys ---- */

static bool make_key(struct tls_ticket_key *key, int64_t now_ns)
{
  *key = (struct tls_ticket_key){.present = true, .made_ns = now_ns};
  if (RAND_bytes(key->name, sizeof key->name) == 1 &&
      RAND_priv_bytes(key->cipher, sizeof key->cipher) == 1 &&
      RAND_priv_bytes(key->mac, sizeof key->mac) == 1)
    return true;
  explicit_bzero(key, sizeof *key);
  return false;
}

static void forget_key(struct tls_ticket_key *key)
{
  explicit_bzero(key, sizeof *key);
}

/* Whether it is now too old for `periods`; clocks of two threads may be read in either order. */
static bool is_older(const struct tls_ticket_key *key, int64_t now_ns, int periods)
{
  return key->present && now_ns - key->made_ns >= periods * TICKET_KEY_NS;
}

/* Under the lock: invariant 3. Keys change when somebody needs one, so no timer has to. */
static void retire_keys(struct tls *tls, int64_t now_ns)
{
  if (is_older(&tls->current, now_ns, 1)) {
    tls->previous = tls->current;
    forget_key(&tls->current);
  }
  if (is_older(&tls->previous, now_ns, 2)) forget_key(&tls->previous);
}

bool tls_ticket_key_to_make(struct tls *tls, int64_t now_ns, struct tls_ticket_key *key)
{
  pthread_mutex_lock(&tls->lock);
  retire_keys(tls, now_ns);
  bool have = tls->current.present || make_key(&tls->current, now_ns);
  *key = tls->current;
  pthread_mutex_unlock(&tls->lock);
  return have;
}

bool tls_ticket_key_to_open(struct tls *tls, int64_t now_ns,
                            const uint8_t name[TLS_TICKET_NAME_BYTES], struct tls_ticket_key *key,
                            bool *renew)
{
  const struct tls_ticket_key *keys[] = {&tls->current, &tls->previous};
  bool found = false;
  pthread_mutex_lock(&tls->lock);
  retire_keys(tls, now_ns);
  for (int i = 0; i < 2 && !found; i++) {
    found = keys[i]->present && memcmp(keys[i]->name, name, TLS_TICKET_NAME_BYTES) == 0;
    if (found) *key = *keys[i];
    *renew = i > 0;
  }
  pthread_mutex_unlock(&tls->lock);
  return found;
}

static bool start_ticket_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): sets up cipher and MAC of one ticket. */
static int choose_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
                             EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int making)
{
  int64_t now_ns = 0;
  struct tls *tls = tls_stream_owner(ssl, &now_ns);
  struct tls_ticket_key key;
  bool renew = false;
  bool ready = false;
  if (making != 0) {
    ready = tls_ticket_key_to_make(tls, now_ns, &key) &&
            RAND_bytes(iv, EVP_CIPHER_get_iv_length(tls->ticket_cipher)) == 1 &&
            EVP_EncryptInit_ex2(cipher, tls->ticket_cipher, key.cipher, iv, NULL) == 1;
    memcpy(name, key.name, sizeof key.name);
  } else {
    if (!tls_ticket_key_to_open(tls, now_ns, name, &key, &renew)) return TICKET_UNKNOWN;
    ready = EVP_DecryptInit_ex2(cipher, tls->ticket_cipher, key.cipher, iv, NULL) == 1;
  }
  ready = ready && start_ticket_mac(mac, &key);
  forget_key(&key);
  if (!ready) return TICKET_REFUSED;
  /* A ticket is to be used once (RFC 8446 C.4); in TLS 1.2 nobody minds (RFC 5077 3.3). */
  return renew || SSL_version(ssl) >= TLS1_3_VERSION ? TICKET_RENEW : TICKET_GOOD;
}

/* ---- contexts ---- */

/* A client that offers protocols and none of ours must be told (RFC 7301 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                           const unsigned char *offered, unsigned int offered_size, void *context)
{
  (void)ssl;
  const struct tls *tls = context;
  unsigned int skipped = tls->options.http2 ? 0 : HTTP2_NAME_BYTES;
  unsigned char *name = NULL;
  if (SSL_select_next_proto(&name, chosen_size, PROTOCOLS + skipped,
                            (unsigned int)sizeof PROTOCOLS - 1 - skipped, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = name;
  return SSL_TLSEXT_ERR_OK;
}

static bool set_versions(SSL_CTX *context)
{
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(context, SUITES_13) == 1 &&
         SSL_CTX_set_cipher_list(context, SUITES_12) == 1 &&
         SSL_CTX_set1_groups_list(context, GROUPS) == 1;
}

/*
 * Everything that the system's openssl.cnf may have changed is set here again. Chacha20 goes first
 * for clients that put it first: those have no AES instructions.
 */
static bool configure(struct tls *tls, SSL_CTX *context)
{
  static const uint8_t session_context[] = "traffic tacos";
  SSL_CTX_set_security_level(context, SECURITY_LEVEL);
  if (!set_versions(context)) return false;
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET |
                                     SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                     SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_read_ahead(context, 1); /* one read for header and body of a record, and more */
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, TLS_TICKET_KEY_HOURS * 3600L);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, tls);
  return SSL_CTX_set_num_tickets(context, TICKETS) == 1 &&
         SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) ==
             1 &&
         SSL_CTX_set_tlsext_ticket_key_evp_cb(context, choose_ticket_key) == 1;
}

static void free_context(struct tls *tls, struct tls_context *context)
{
  CHECK_THAT(atomic_load_explicit(&context->streams, memory_order_acquire), ==, 0);
  SSL_CTX_free(context->ssl_context);
  memory_free(&tls->world->memory, context, sizeof *context);
}

static struct tls_context *make_context(struct tls *tls, const struct tls_credentials *credentials,
                                        const char *certificate_file, struct error *error)
{
  struct tls_context *context = memory_alloc_zeroed(&tls->world->memory, sizeof *context);
  if (context == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for a TLS context");
    return NULL;
  }
  ERR_clear_error();
  context->ssl_context = SSL_CTX_new(TLS_server_method());
  if (context->ssl_context == NULL || !configure(tls, context->ssl_context)) {
    error_set(error, ERROR_UNSUPPORTED, "OpenSSL cannot be set up: %s", tls_take_reason());
  } else if (SSL_CTX_use_cert_and_key(context->ssl_context, credentials->certificate,
                                      credentials->key, credentials->chain, 1) != 1) {
    error_set(error, ERROR_INVALID, "the certificate %s cannot be used: %s", certificate_file,
              tls_take_reason());
  } else {
    tls_credentials_describe(credentials, world_clock_ms(tls->world), &context->certificate);
    return context;
  }
  free_context(tls, context);
  return NULL;
}

static struct tls_context *load_context(struct tls *tls, struct error *error)
{
  char self_path[TLS_SELF_PATH_BYTES];
  const char *certificate_file = tls->options.certificate_file;
  const char *key_file = tls->options.key_file;
  if (tls->options.self_directory != NULL) {
    if (!tls_self_prepare(tls->world, tls->options.self_directory, self_path, error)) return NULL;
    certificate_file = self_path;
    key_file = self_path;
  }
  struct tls_credentials credentials;
  if (!tls_credentials_read(tls->world, certificate_file, key_file, &credentials, error))
    return NULL;
  struct tls_context *context = make_context(tls, &credentials, certificate_file, error);
  tls_credentials_free(&credentials);
  return context;
}

struct tls_context *tls_context_acquire(struct tls *tls)
{
  pthread_mutex_lock(&tls->lock);
  struct tls_context *context = tls->contexts;
  CHECK(context != NULL);
  atomic_fetch_add_explicit(&context->streams, 1, memory_order_relaxed);
  pthread_mutex_unlock(&tls->lock);
  return context;
}

/* Released after the stream's last use of the context, which free_context's caller acquires. */
void tls_context_release(struct tls_context *context)
{
  uint64_t streams = atomic_fetch_sub_explicit(&context->streams, 1, memory_order_release);
  CHECK_THAT(streams, >, 0);
}

/* Contexts behind the current one get no streams (invariant 2), so none left is for ever. */
static void free_unused(struct tls *tls)
{
  struct tls_context **link = &tls->contexts->next;
  while (*link != NULL) {
    struct tls_context *context = *link;
    if (atomic_load_explicit(&context->streams, memory_order_acquire) > 0) {
      link = &context->next;
      continue;
    }
    *link = context->next;
    free_context(tls, context);
  }
}

/* ---- the whole ---- */

struct tls *tls_open(const struct tls_options *options, struct world *world, struct error *error)
{
  bool files = options->certificate_file != NULL && options->key_file != NULL;
  CHECK(files || options->self_directory != NULL);
  struct tls *tls = memory_alloc_zeroed(&world->memory, sizeof *tls);
  if (tls == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for TLS");
    return NULL;
  }
  tls->options = *options;
  tls->world = world;
  pthread_mutex_init(&tls->lock, NULL);
  tls->transport = tls_transport_new();
  tls->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
  if (tls->transport == NULL || tls->ticket_cipher == NULL)
    error_set(error, ERROR_UNSUPPORTED, "OpenSSL cannot be set up: %s", tls_take_reason());
  else
    tls->contexts = load_context(tls, error);
  if (tls->contexts != NULL) return tls;
  tls_close(tls);
  return NULL;
}

bool tls_reload(struct tls *tls, struct error *error)
{
  struct tls_context *context = load_context(tls, error);
  if (context == NULL) return false;
  pthread_mutex_lock(&tls->lock);
  context->next = tls->contexts;
  tls->contexts = context;
  pthread_mutex_unlock(&tls->lock);
  free_unused(tls);
  return true;
}

void tls_close(struct tls *tls)
{
  if (tls == NULL) return;
  while (tls->contexts != NULL) {
    struct tls_context *context = tls->contexts;
    tls->contexts = context->next;
    free_context(tls, context);
  }
  EVP_CIPHER_free(tls->ticket_cipher);
  BIO_meth_free(tls->transport);
  pthread_mutex_destroy(&tls->lock);
  forget_key(&tls->current);
  forget_key(&tls->previous);
  memory_free(&tls->world->memory, tls, sizeof *tls);
}

void tls_describe(struct tls *tls, struct tls_certificate *to)
{
  pthread_mutex_lock(&tls->lock);
  *to = tls->contexts->certificate;
  pthread_mutex_unlock(&tls->lock);
}
