#include "unit/net/tls_fixture.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_SECONDS = 86400, CHUNK_BYTES = 20000, FLOW_BYTES = 2 << 20, EVENT_KEY = 7 };

/* ---- files ---- */

void tls_files_path(const struct tls_files *files, const char *name, char *path)
{
  assert_true(snprintf(path, TLS_FILES_PATH_BYTES, "%s/%s", files->directory, name) > 0);
}

void tls_files_begin(struct tls_files *files, bool pair)
{
  *files = (struct tls_files){.directory = "/tmp/tacos-tls-XXXXXX"};
  assert_non_null(mkdtemp(files->directory));
  world_linux_init(&files->linux_world);
  files->world = &files->linux_world.world;
  files->operations = *files->world->operations;
  files->world->operations = &files->operations;
  tls_files_path(files, "server.pem", files->certificate);
  tls_files_path(files, "server.key", files->key);
  if (pair) tls_files_make_pair(files->certificate, files->key, "localhost", 30 * DAY_SECONDS);
}

static void remove_entry(void *context, const char *name)
{
  char path[TLS_FILES_PATH_BYTES];
  tls_files_path(context, name, path);
  assert_int_equal(remove(path), 0);
}

void tls_files_end(struct tls_files *files)
{
  assert_int_equal(files->world->memory.in_use, 0);
  assert_int_equal(ERR_peek_error(), 0);
  struct world_linux plain;
  world_linux_init(&plain);
  plain.world.operations->dir_list(&plain.world, files->directory, remove_entry, files);
  assert_int_equal(rmdir(files->directory), 0);
}

void tls_files_write(const char *path, const void *data, size_t size)
{
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(path, 0600), 0);
}

char *tls_files_read(const char *path, size_t *size)
{
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  char *text = calloc(1, 65536);
  assert_non_null(text);
  *size = fread(text, 1, 65535, file);
  assert_int_equal(fclose(file), 0);
  return text;
}

EVP_PKEY *tls_files_make_key(int rsa_bits)
{
  EVP_PKEY *key = rsa_bits > 0 ? EVP_RSA_gen((unsigned int)rsa_bits) : EVP_EC_gen("P-256");
  assert_non_null(key);
  return key;
}

static void set_name(X509_NAME *name, const char *text)
{
  const unsigned char *bytes = (const unsigned char *)text;
  assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, bytes, -1, -1, 0),
                   1);
}

X509 *tls_files_make_certificate(EVP_PKEY *key, const char *subject, const char *issuer,
                                 EVP_PKEY *issuer_key, long from_seconds, long until_seconds)
{
  X509 *made = X509_new();
  assert_non_null(made);
  assert_int_equal(X509_set_version(made, X509_VERSION_3), 1);
  assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made), 1), 1);
  assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), from_seconds));
  assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), until_seconds));
  set_name(X509_get_subject_name(made), subject);
  set_name(X509_get_issuer_name(made), issuer != NULL ? issuer : subject);
  assert_int_equal(X509_set_pubkey(made, key), 1);
  assert_true(X509_sign(made, issuer_key != NULL ? issuer_key : key, EVP_sha256()) > 0);
  return made;
}

void tls_files_write_pem(const char *path, EVP_PKEY *key, X509 *certificate, X509 *chain)
{
  BIO *text = BIO_new(BIO_s_mem());
  assert_non_null(text);
  if (key != NULL)
    assert_int_equal(PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL), 1);
  if (certificate != NULL) assert_int_equal(PEM_write_bio_X509(text, certificate), 1);
  if (chain != NULL) assert_int_equal(PEM_write_bio_X509(text, chain), 1);
  char *data = NULL;
  long size = BIO_get_mem_data(text, &data);
  tls_files_write(path, data, (size_t)size);
  BIO_free(text);
}

void tls_files_make_pair(const char *certificate, const char *key, const char *subject,
                         long until_seconds)
{
  EVP_PKEY *pair = tls_files_make_key(0);
  X509 *made = tls_files_make_certificate(pair, subject, NULL, NULL, -100 * DAY_SECONDS,
                                          until_seconds);
  tls_files_write_pem(certificate, NULL, made, NULL);
  tls_files_write_pem(key, pair, NULL, NULL);
  X509_free(made);
  EVP_PKEY_free(pair);
}

struct tls_options tls_files_options(const struct tls_files *files)
{
  return (struct tls_options){
      .certificate_file = files->certificate,
      .key_file = files->key,
      .http2 = true,
  };
}

/* ---- the client's network as a BIO ---- */

static int client_result(BIO *bio, int64_t result, bool reading)
{
  struct tls_link *link = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (result >= 0) return (int)result;
  if (result == -EAGAIN) {
    if (reading) BIO_set_retry_read(bio);
    if (!reading) BIO_set_retry_write(bio);
  } else {
    link->transport_error = (int)result;
  }
  return -1;
}

static int client_read(BIO *bio, char *to, int size)
{
  struct tls_link *link = BIO_get_data(bio);
  struct world *world = link->net->client;
  int64_t got = world->net->read(world, link->client_handle, to, (size_t)size);
  if (got == 0) link->client_ended = true;
  return client_result(bio, got, true);
}

static int client_write(BIO *bio, const char *from, int size)
{
  struct tls_link *link = BIO_get_data(bio);
  struct world *world = link->net->client;
  int64_t sent = world->net->write(world, link->client_handle, from, (size_t)size);
  return client_result(bio, sent, false);
}

static long client_control(BIO *bio, int command, long number, void *pointer)
{
  (void)number;
  (void)pointer;
  const struct tls_link *link = BIO_get_data(bio);
  if (command == BIO_CTRL_EOF) return link->client_ended;
  return command == BIO_CTRL_FLUSH;
}

void tls_net_begin(struct tls_net *net, uint64_t seed)
{
  static const struct world_address service = {.host = "10.0.0.1", .port = 443};
  *net = (struct tls_net){.sim = world_sim_new(random_seed(seed))};
  net->server = world_sim_world(net->sim);
  net->client = world_sim_client(net->sim);
  net->listener = net->server->net->listen(net->server, &service, 16);
  assert_true(net->listener >= 0);
  net->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "client");
  assert_non_null(net->method);
  BIO_meth_set_read(net->method, client_read);
  BIO_meth_set_write(net->method, client_write);
  BIO_meth_set_ctrl(net->method, client_control);
}

void tls_net_end(struct tls_net *net)
{
  assert_int_equal(net->server->memory.in_use, 0);
  assert_int_equal(ERR_peek_error(), 0);
  BIO_meth_free(net->method);
  world_sim_free(net->sim);
}

/* ---- links ---- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
  struct tls_link *link = BIO_get_data(SSL_get_rbio(ssl));
  SSL_SESSION_free(link->session);
  link->session = session;
  link->tickets++;
  return 1;
}

static void begin_client(struct tls_link *link, const struct tls_client_options *options)
{
  link->context = SSL_CTX_new(TLS_client_method());
  assert_non_null(link->context);
  SSL_CTX_set_session_cache_mode(link->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(link->context, keep_session);
  SSL_CTX_set_mode(link->context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (options->version != 0) {
    /* Debian's security level forbids versions before 1.2 even to those who ask for them. */
    if (options->version < TLS1_2_VERSION) SSL_CTX_set_security_level(link->context, 0);
    SSL_CTX_set_min_proto_version(link->context, options->version);
    SSL_CTX_set_max_proto_version(link->context, options->version);
  }
  if (options->protocols != NULL) {
    const unsigned char *protocols = (const unsigned char *)options->protocols;
    unsigned int size = (unsigned int)strlen(options->protocols);
    assert_int_equal(SSL_CTX_set_alpn_protos(link->context, protocols, size), 0);
  }
  link->ssl = SSL_new(link->context);
  assert_non_null(link->ssl);
  BIO *bio = BIO_new(link->net->method);
  assert_non_null(bio);
  BIO_set_data(bio, link);
  BIO_set_init(bio, 1);
  SSL_set_bio(link->ssl, bio, bio);
  SSL_set_connect_state(link->ssl);
  if (options->resume == NULL) return;
  /* A copy, because OpenSSL gives up a session whose ticket was replaced. */
  SSL_SESSION *session = SSL_SESSION_dup(options->resume);
  assert_int_equal(SSL_set_session(link->ssl, session), 1);
  SSL_SESSION_free(session);
}

static void begin_flow(struct tls_flow *flow)
{
  *flow = (struct tls_flow){.read_result = -EAGAIN};
  flow->data = malloc(FLOW_BYTES);
  flow->received = malloc(FLOW_BYTES);
  assert_non_null(flow->data);
  assert_non_null(flow->received);
}

void tls_link_begin(struct tls_link *link, struct tls_net *net, struct tls *tls,
                    const struct tls_client_options *options)
{
  static const struct world_address service = {.host = "10.0.0.1", .port = 443};
  *link = (struct tls_link){.net = net, .tls = tls, .server_handle = -1};
  begin_flow(&link->server);
  begin_flow(&link->client);
  link->client_handle = net->client->net->connect(net->client, &service);
  assert_true(link->client_handle >= 0);
  if (!options->raw) begin_client(link, options);
}

void tls_link_end(struct tls_link *link)
{
  if (link->stream != NULL) tls_stream_free(link->stream);
  /* Otherwise OpenSSL takes the ticket of a connection that was cut for unusable. */
  if (link->ssl != NULL) SSL_set_shutdown(link->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(link->ssl);
  SSL_CTX_free(link->context);
  SSL_SESSION_free(link->session);
  const struct world_net_operations *net = link->net->server->net;
  if (link->server_handle >= 0) net->close(link->net->server, link->server_handle);
  net->close(link->net->client, link->client_handle);
  free(link->server.data);
  free(link->server.received);
  free(link->client.data);
  free(link->client.received);
  ERR_clear_error();
}

/* ---- the server, by readiness ---- */

static void server_read(struct tls_link *link)
{
  struct tls_flow *flow = &link->server;
  if (link->server_paused) return;
  do {
    flow->read_result = tls_stream_read(link->stream, flow->received + flow->received_size,
                                        CHUNK_BYTES);
    if (flow->read_result > 0) flow->received_size += (size_t)flow->read_result;
    assert_true(flow->received_size <= FLOW_BYTES - CHUNK_BYTES);
    assert_int_equal(ERR_peek_error(), 0);
  } while (flow->read_result > 0);
}

static int64_t write_moved(struct tls_link *link, const uint8_t *from, size_t size)
{
  uint8_t *copy = malloc(size);
  assert_non_null(copy);
  memcpy(copy, from, size);
  int64_t result = tls_stream_write(link->stream, copy, size);
  free(copy);
  return result;
}

static void server_write(struct tls_link *link)
{
  struct tls_flow *flow = &link->server;
  flow->write_result = 0;
  while (flow->sent < flow->size && flow->write_result >= 0) {
    const uint8_t *from = flow->data + flow->sent;
    size_t size = flow->size - flow->sent;
    flow->write_result = link->moving ? write_moved(link, from, size)
                                      : tls_stream_write(link->stream, from, size);
    if (flow->write_result > 0) flow->sent += (size_t)flow->write_result;
    assert_int_equal(ERR_peek_error(), 0);
  }
}

static void server_accept(struct tls_link *link)
{
  struct world *world = link->net->server;
  link->server_handle = world->net->accept(world, link->net->listener, &link->address);
  if (link->server_handle < 0) return;
  uint32_t both = WORLD_READ | WORLD_WRITE;
  assert_int_equal(world->net->watch(world, link->server_handle, both, EVENT_KEY), 0);
  link->stream = tls_stream_new(link->tls, world, link->server_handle, &world->memory);
  assert_non_null(link->stream);
}

static void server_step(struct tls_link *link)
{
  struct world *world = link->net->server;
  if (link->server_handle < 0) server_accept(link);
  if (link->server_handle < 0) return;
  struct world_event event;
  while (world->net->wait(world, &event, 1, 0) == 1) {
    bool wanted = (event.ready & WORLD_WRITE) != 0 && tls_stream_wants_write(link->stream);
    if ((event.ready & WORLD_READ) != 0 || wanted) server_read(link);
    if (link->server.write_result == -EAGAIN) server_write(link);
  }
}

/* ---- the client, by trying ---- */

static void client_outcome(struct tls_link *link, int result)
{
  link->client_error = SSL_get_error(link->ssl, result);
  if (link->client_error == SSL_ERROR_SSL) link->client_reason = ERR_GET_REASON(ERR_peek_error());
  ERR_clear_error();
}

static bool client_may_go_on(const struct tls_link *link)
{
  return link->client_error == SSL_ERROR_NONE || link->client_error == SSL_ERROR_WANT_READ ||
         link->client_error == SSL_ERROR_WANT_WRITE;
}

static void client_step(struct tls_link *link)
{
  struct tls_flow *flow = &link->client;
  if (link->ssl == NULL || !client_may_go_on(link)) return;
  ERR_clear_error();
  for (;;) {
    size_t got = 0;
    int result = SSL_read_ex(link->ssl, flow->received + flow->received_size, CHUNK_BYTES, &got);
    flow->received_size += got;
    if (result == 1) continue;
    client_outcome(link, result);
    break;
  }
  while (client_may_go_on(link) && flow->sent < flow->size) {
    size_t sent = 0;
    int result = SSL_write_ex(link->ssl, flow->data + flow->sent, flow->size - flow->sent, &sent);
    flow->sent += sent;
    if (result == 1) continue;
    client_outcome(link, result);
    break;
  }
}

void tls_link_settle(struct tls_link *link)
{
  do {
    server_step(link);
    client_step(link);
  } while (world_sim_advance_to_delivery(link->net->sim, 2000));
}

void tls_link_send(struct tls_link *link, bool from_server, size_t size)
{
  struct tls_flow *flow = from_server ? &link->server : &link->client;
  assert_true(flow->size + size <= FLOW_BYTES);
  for (size_t i = flow->size; i < flow->size + size; i++)
    flow->data[i] = (uint8_t)((i * 2654435761U) >> 13);
  flow->size += size;
  if (!from_server) return;
  if (link->stream == NULL) flow->write_result = -EAGAIN;
  if (flow->write_result != -EAGAIN) server_write(link);
}

void tls_link_assert_arrived(const struct tls_link *link, bool from_server)
{
  const struct tls_flow *from = from_server ? &link->server : &link->client;
  const struct tls_flow *to = from_server ? &link->client : &link->server;
  assert_int_equal(from->sent, from->size);
  assert_int_equal(to->received_size, from->size);
  assert_memory_equal(to->received, from->data, from->size);
}

void tls_link_exchange(struct tls_link *link)
{
  tls_link_send(link, false, 100);
  tls_link_settle(link);
  assert_non_null(link->stream);
  assert_true(tls_stream_handshaken(link->stream));
  tls_link_send(link, true, 200);
  tls_link_settle(link);
  tls_link_assert_arrived(link, false);
  tls_link_assert_arrived(link, true);
}

/* In TLS 1.2 OpenSSL does not call back for a ticket that came with a resumption. */
static SSL_SESSION *take_session(struct tls_link *link, SSL_SESSION *resume)
{
  SSL_SESSION *session = link->session;
  link->session = NULL;
  if (session != NULL || resume == NULL) return session;
  const unsigned char *old = NULL, *new = NULL;
  size_t old_size = 0, new_size = 0;
  SSL_SESSION_get0_ticket(resume, &old, &old_size);
  SSL_SESSION_get0_ticket(SSL_get0_session(link->ssl), &new, &new_size);
  if (bytes_equal(bytes_of(old, old_size), bytes_of(new, new_size))) return NULL;
  return SSL_get1_session(link->ssl);
}

bool tls_link_once(struct tls_net *net, struct tls *tls, int version, SSL_SESSION *resume,
                   SSL_SESSION **session)
{
  struct tls_link link;
  struct tls_client_options options = {.version = version, .resume = resume};
  tls_link_begin(&link, net, tls, &options);
  tls_link_exchange(&link);
  bool resumed = tls_stream_resumed(link.stream);
  assert_int_equal(resumed, SSL_session_reused(link.ssl));
  if (session != NULL) *session = take_session(&link, resume);
  tls_link_end(&link);
  return resumed;
}
