#include "unit/net/tls_fixture.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define HOUR_MS (INT64_C(3600000))

enum { MEGABYTE = 1 << 20 };

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct fixture {
  struct tls_files files;
  struct tls_options options;
  struct tls *tls;
  struct tls_net net;
  struct tls_link link;
  struct error error;
};

static void begin_with(struct fixture *fixture, uint64_t seed, bool http2)
{
  memset(fixture, 0, sizeof *fixture);
  tls_files_begin(&fixture->files, true);
  fixture->options = tls_files_options(&fixture->files);
  fixture->options.http2 = http2;
  fixture->tls = tls_open(&fixture->options, fixture->files.world, &fixture->error);
  assert_non_null(fixture->tls);
  tls_net_begin(&fixture->net, seed);
}

static void begin(struct fixture *fixture, uint64_t seed)
{
  begin_with(fixture, seed, true);
}

static void end(struct fixture *fixture)
{
  tls_net_end(&fixture->net);
  tls_close(fixture->tls);
  tls_files_end(&fixture->files);
}

static void connect_client(struct fixture *fixture, struct tls_client_options options)
{
  tls_link_begin(&fixture->link, &fixture->net, fixture->tls, &options);
}

static void assert_text(struct bytes text, const char *expected)
{
  assert_int_equal(text.size, strlen(expected));
  assert_memory_equal(text.data, expected, text.size);
}

static void assert_failed(struct fixture *fixture, int failure, const char *words)
{
  struct tls_stream *stream = fixture->link.stream;
  uint8_t byte = 0;
  assert_int_equal(fixture->link.server.read_result, failure);
  assert_int_equal(tls_stream_read(stream, &byte, 1), failure);
  assert_int_equal(tls_stream_write(stream, &byte, 1), failure);
  assert_text(tls_stream_failure(stream), words);
  tls_stream_shutdown(stream);
}

/* ---- bytes ---- */

static void test_carries_a_megabyte_both_ways(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    struct fixture fixture;
    begin(&fixture, seed);
    connect_client(&fixture, (struct tls_client_options){.version = VERSIONS[seed % 2]});
    struct tls_link *link = &fixture.link;
    link->moving = seed % 3 == 0;
    tls_link_send(link, false, MEGABYTE);
    tls_link_send(link, true, MEGABYTE);
    tls_link_settle(link);
    tls_link_assert_arrived(link, false);
    tls_link_assert_arrived(link, true);
    assert_text(tls_stream_version(link->stream), seed % 2 == 0 ? "TLSv1.2" : "TLSv1.3");
    assert_text(tls_stream_protocol(link->stream), "");
    assert_text(tls_stream_failure(link->stream), "");
    assert_false(tls_stream_resumed(link->stream));
    assert_int_equal(link->tickets, 1);
    tls_link_end(link);
    end(&fixture);
  }
}

/* Sockets that hold 60 bytes: nothing goes out or comes in whole, the handshake either. */
static void test_goes_through_the_eye_of_a_needle(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct fixture fixture;
    begin(&fixture, seed);
    struct world_sim_settings *settings = world_sim_settings(fixture.net.sim);
    settings->stream_bytes = 60;
    settings->partial_per_million = 700000;
    connect_client(&fixture, (struct tls_client_options){.version = VERSIONS[seed % 2]});
    fixture.link.moving = true;
    tls_link_send(&fixture.link, true, 30000);
    tls_link_send(&fixture.link, false, 20000);
    tls_link_settle(&fixture.link);
    tls_link_send(&fixture.link, true, 3);
    tls_link_settle(&fixture.link);
    tls_link_assert_arrived(&fixture.link, false);
    tls_link_assert_arrived(&fixture.link, true);
    tls_link_end(&fixture.link);
    end(&fixture);
  }
}

/* A server that looks away from its input still sends, and loses nothing of what waits. */
static void test_writes_while_it_does_not_read(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 3);
  connect_client(&fixture, (struct tls_client_options){0});
  struct tls_link *link = &fixture.link;
  tls_link_exchange(link);
  link->server_paused = true;
  tls_link_send(link, false, MEGABYTE);
  tls_link_settle(link);
  assert_true(link->client.sent < link->client.size);
  tls_link_send(link, true, MEGABYTE);
  tls_link_settle(link);
  tls_link_assert_arrived(link, true);
  assert_int_equal(link->server.received_size, 100);
  link->server_paused = false;
  while (link->server.received_size < link->client.size) {
    int64_t got = tls_stream_read(link->stream, link->server.received + link->server.received_size,
                                  5000);
    if (got > 0) link->server.received_size += (size_t)got;
    if (got > 0) continue;
    assert_int_equal(got, -EAGAIN);
    tls_link_settle(link);
  }
  tls_link_assert_arrived(link, false);
  tls_link_end(link);
  end(&fixture);
}

/*
 * If a write took bytes from the network, to go on with the handshake, content behind it would wait
 * in OpenSSL, and epoll would have no edge to tell of it.
 */
static void test_only_reading_takes_from_the_network(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 8);
  connect_client(&fixture, (struct tls_client_options){0});
  struct tls_link *link = &fixture.link;
  link->server_paused = true;
  tls_link_send(link, true, 100);
  tls_link_send(link, false, 100);
  tls_link_settle(link);
  struct world *world = fixture.net.server;
  uint8_t byte = 0;
  assert_int_equal(tls_stream_write(link->stream, link->server.data, 100), -EAGAIN);
  assert_int_equal(world->net->read(world, link->server_handle, &byte, 1), 1);
  assert_int_equal(byte, 0x16); /* the type of the record with the ClientHello */
  tls_link_end(link);
  end(&fixture);
}

/* ---- what is agreed ---- */

static void test_old_versions_are_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 4);
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_1_VERSION});
  tls_link_settle(&fixture.link);
  assert_failed(&fixture, -EPROTO, "unsupported protocol");
  assert_int_equal(fixture.link.client_reason, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
  assert_false(tls_stream_handshaken(fixture.link.stream));
  tls_link_end(&fixture.link);
  end(&fixture);
}

static void test_weak_suites_are_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 5);
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_2_VERSION});
  assert_int_equal(SSL_set_cipher_list(fixture.link.ssl, "ECDHE-ECDSA-AES128-SHA256"), 1);
  tls_link_settle(&fixture.link);
  assert_failed(&fixture, -EPROTO, "no shared cipher");
  tls_link_end(&fixture.link);
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_3_VERSION});
  assert_int_equal(SSL_set1_groups_list(fixture.link.ssl, "P-521"), 1);
  tls_link_settle(&fixture.link);
  assert_failed(&fixture, -EPROTO, "no suitable key share");
  tls_link_end(&fixture.link);
  /* Without a share of ours at first: a second ClientHello (RFC 8446 4.1.4). */
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_3_VERSION});
  assert_int_equal(SSL_set1_groups_list(fixture.link.ssl, "P-521:P-256"), 1);
  tls_link_exchange(&fixture.link);
  tls_link_end(&fixture.link);
  end(&fixture);
}

static void test_the_server_chooses_the_suite(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 6);
  static const struct {
    const char *offered, *chosen;
  } cases[] = {
      {"TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
      {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
      {"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    connect_client(&fixture, (struct tls_client_options){.version = TLS1_3_VERSION});
    assert_int_equal(SSL_set_ciphersuites(fixture.link.ssl, cases[i].offered), 1);
    tls_link_exchange(&fixture.link);
    assert_string_equal(SSL_get_cipher_name(fixture.link.ssl), cases[i].chosen);
    tls_link_end(&fixture.link);
  }
  end(&fixture);
}

static void test_protocols(void **state)
{
  (void)state;
  static const struct {
    const char *offered; /* NULL: no ALPN */
    const char *chosen;  /* NULL: refused */
    bool http2;
  } cases[] = {
      {NULL, "", true},
      {"\x02h2", "h2", true},
      {"\x08http/1.1", "http/1.1", true},
      {"\x08http/1.1\x02h2", "h2", true},
      {"\x06spdy/3\x08http/1.1", "http/1.1", true},
      {"\x06spdy/3", NULL, true},
      {"\x02H2", NULL, true},
      {NULL, "", false},
      {"\x02h2\x08http/1.1", "http/1.1", false},
      {"\x02h2", NULL, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    begin_with(&fixture, i, cases[i].http2);
    connect_client(&fixture, (struct tls_client_options){.version = VERSIONS[i % 2],
                                                         .protocols = cases[i].offered});
    if (cases[i].chosen != NULL) {
      tls_link_exchange(&fixture.link);
      assert_text(tls_stream_protocol(fixture.link.stream), cases[i].chosen);
    } else {
      tls_link_settle(&fixture.link);
      assert_failed(&fixture, -EPROTO, "no application protocol");
      assert_int_equal(fixture.link.client_reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    }
    tls_link_end(&fixture.link);
    end(&fixture);
  }
}

static void test_no_renegotiation(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 7);
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_2_VERSION});
  tls_link_exchange(&fixture.link);
  assert_int_equal(SSL_renegotiate(fixture.link.ssl), 1);
  tls_link_send(&fixture.link, false, 1);
  tls_link_settle(&fixture.link);
  assert_int_equal(fixture.link.client_reason, SSL_R_NO_RENEGOTIATION);
  assert_int_equal(fixture.link.server.received_size, 100);
  tls_link_end(&fixture.link);
  end(&fixture);
}

/* ---- tickets ---- */

static void test_resumes(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct fixture fixture;
    begin(&fixture, 10);
    SSL_SESSION *first, *second, *third;
    assert_false(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], NULL, &first));
    assert_true(SSL_SESSION_has_ticket(first));
    assert_int_equal(SSL_SESSION_get_max_early_data(first), 0);
    assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(first), TLS_TICKET_KEY_HOURS * 3600);
    assert_true(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], first, &second));
    /* TLS 1.2 goes on with the first ticket, 1.3 gives a new one each time (RFC 8446 C.4). */
    SSL_SESSION *next = second != NULL ? second : first;
    assert_int_equal(second != NULL, VERSIONS[i] == TLS1_3_VERSION);
    tls_files_make_pair(fixture.files.certificate, fixture.files.key, "second", 1000000);
    assert_true(tls_reload(fixture.tls, &fixture.error));
    assert_true(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], next, &third));
    SSL_SESSION_free(first);
    SSL_SESSION_free(second);
    SSL_SESSION_free(third);
    end(&fixture);
  }
}

static void test_another_server_makes_a_full_handshake(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 11);
  struct tls *other = tls_open(&fixture.options, fixture.files.world, &fixture.error);
  assert_non_null(other);
  for (int i = 0; i < 2; i++) {
    SSL_SESSION *session;
    assert_false(tls_link_once(&fixture.net, other, VERSIONS[i], NULL, &session));
    assert_false(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], session, NULL));
    assert_true(tls_link_once(&fixture.net, other, VERSIONS[i], session, NULL));
    SSL_SESSION_free(session);
  }
  tls_close(other);
  end(&fixture);
}

static void test_tickets_grow_old(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct fixture fixture;
    begin(&fixture, 12);
    SSL_SESSION *first, *renewed;
    assert_false(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], NULL, &first));
    world_sim_advance_ms(fixture.net.sim, 11 * HOUR_MS);
    assert_true(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], first, NULL));
    /* By the previous key: a new ticket comes along. */
    world_sim_advance_ms(fixture.net.sim, 2 * HOUR_MS);
    assert_true(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], first, &renewed));
    assert_non_null(renewed);
    world_sim_advance_ms(fixture.net.sim, 12 * HOUR_MS);
    assert_false(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], first, NULL));
    assert_true(tls_link_once(&fixture.net, fixture.tls, VERSIONS[i], renewed, NULL));
    SSL_SESSION_free(first);
    SSL_SESSION_free(renewed);
    end(&fixture);
  }
}

/* ---- reload ---- */

static void assert_peer(struct tls_link *link, const char *subject)
{
  char name[64];
  X509 *certificate = SSL_get0_peer_certificate(link->ssl);
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  assert_string_equal(name, subject);
}

static void test_running_connections_survive_a_reload(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 13);
  connect_client(&fixture, (struct tls_client_options){0});
  tls_link_exchange(&fixture.link);
  tls_files_make_pair(fixture.files.certificate, fixture.files.key, "second", 1000000);
  assert_true(tls_reload(fixture.tls, &fixture.error));
  tls_files_write(fixture.files.key, "broken", 6);
  assert_false(tls_reload(fixture.tls, &fixture.error));
  tls_link_exchange(&fixture.link);
  assert_peer(&fixture.link, "localhost");
  tls_link_end(&fixture.link);
  connect_client(&fixture, (struct tls_client_options){0});
  tls_link_exchange(&fixture.link);
  assert_peer(&fixture.link, "second");
  tls_link_end(&fixture.link);
  end(&fixture);
}

/* ---- ends ---- */

static void client_write_raw(struct fixture *fixture, const void *data, size_t size)
{
  struct world *world = fixture->net.client;
  size_t sent = 0;
  for (int turn = 0; sent < size && turn < 1000; turn++) {
    tls_link_settle(&fixture->link);
    int64_t result = world->net->write(world, fixture->link.client_handle,
                                       (const uint8_t *)data + sent, size - sent);
    if (result == -ECONNRESET || result == -EPIPE) return;
    if (result > 0) sent += (size_t)result;
  }
  tls_link_settle(&fixture->link);
}

static void client_ends_raw(struct fixture *fixture)
{
  tls_link_settle(&fixture->link);
  struct world *world = fixture->net.client;
  assert_int_equal(world->net->shutdown(world, fixture->link.client_handle), 0);
  tls_link_settle(&fixture->link);
}

static void test_garbage(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 14);
  connect_client(&fixture, (struct tls_client_options){.raw = true});
  client_write_raw(&fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
  assert_failed(&fixture, -EPROTO, "http request");
  tls_link_end(&fixture.link);
  struct random random;
  random_init(&random, 14);
  for (int i = 0; i < 40; i++) {
    uint8_t noise[3000];
    for (size_t at = 0; at < sizeof noise; at++) noise[at] = (uint8_t)random_u64(&random);
    /* Half of them as the content of what looks like a handshake record. */
    if (i % 2 == 0) memcpy(noise, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    connect_client(&fixture, (struct tls_client_options){.raw = true});
    client_write_raw(&fixture, noise, sizeof noise);
    assert_int_equal(fixture.link.server.read_result, -EPROTO);
    assert_true(tls_stream_failure(fixture.link.stream).size > 0);
    tls_link_end(&fixture.link);
  }
  end(&fixture);
}

static void test_who_says_nothing_just_went(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 15);
  connect_client(&fixture, (struct tls_client_options){.raw = true});
  client_ends_raw(&fixture);
  uint8_t byte = 0;
  assert_int_equal(fixture.link.server.read_result, 0);
  assert_int_equal(tls_stream_read(fixture.link.stream, &byte, 1), 0);
  assert_int_equal(tls_stream_write(fixture.link.stream, &byte, 1), -EPIPE);
  tls_link_end(&fixture.link);
  /* In the middle of its first record. */
  connect_client(&fixture, (struct tls_client_options){.raw = true});
  client_write_raw(&fixture, "\x16\x03\x01\x02\x00\x01\x00", 7);
  assert_int_equal(fixture.link.server.read_result, -EAGAIN);
  client_ends_raw(&fixture);
  assert_failed(&fixture, -ECONNRESET, "");
  tls_link_end(&fixture.link);
  end(&fixture);
}

static void test_truncation_is_no_end(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct fixture fixture;
    begin(&fixture, 16);
    connect_client(&fixture, (struct tls_client_options){.version = VERSIONS[i]});
    tls_link_exchange(&fixture.link);
    client_ends_raw(&fixture);
    assert_failed(&fixture, -ECONNRESET, "");
    tls_link_end(&fixture.link);
    end(&fixture);
  }
}

static void test_close_notify_ends_one_direction(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct fixture fixture;
    begin(&fixture, 17);
    connect_client(&fixture, (struct tls_client_options){.version = VERSIONS[i]});
    struct tls_link *link = &fixture.link;
    tls_link_exchange(link);
    assert_int_equal(SSL_shutdown(link->ssl), 0);
    client_ends_raw(&fixture);
    uint8_t byte = 0;
    assert_int_equal(link->server.read_result, 0);
    assert_int_equal(tls_stream_read(link->stream, &byte, 1), 0);
    tls_link_send(link, true, 100000);
    tls_link_settle(link);
    tls_link_assert_arrived(link, true);
    tls_stream_shutdown(link->stream);
    tls_stream_shutdown(link->stream);
    tls_link_settle(link);
    assert_int_equal(link->client_error, SSL_ERROR_ZERO_RETURN);
    assert_int_equal(tls_stream_write(link->stream, &byte, 1), -EPIPE);
    assert_int_equal(tls_stream_read(link->stream, &byte, 1), 0);
    tls_link_end(link);
    end(&fixture);
  }
}

static void test_reads_on_after_its_own_shutdown(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 18);
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_3_VERSION});
  struct tls_link *link = &fixture.link;
  tls_link_exchange(link);
  tls_stream_shutdown(link->stream);
  size_t sent = 0;
  assert_int_equal(SSL_write_ex(link->ssl, link->client.data, 50, &sent), 1);
  tls_link_settle(link);
  assert_int_equal(link->server.received_size, 150);
  assert_int_equal(link->client_error, SSL_ERROR_ZERO_RETURN);
  tls_link_end(link);
  end(&fixture);
}

/* Half a record cannot be followed by close_notify: the peer must see a cut. */
static void test_shutdown_amid_a_record_sends_nothing(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 19);
  connect_client(&fixture, (struct tls_client_options){0});
  struct tls_link *link = &fixture.link;
  tls_link_exchange(link);
  tls_link_send(link, true, MEGABYTE);
  assert_int_equal(link->server.write_result, -EAGAIN);
  tls_stream_shutdown(link->stream);
  struct world *world = fixture.net.server;
  assert_int_equal(world->net->shutdown(world, link->server_handle), 0);
  link->server.write_result = -EPIPE;
  tls_link_settle(link);
  assert_int_equal(link->client_error, SSL_ERROR_SSL);
  assert_int_equal(link->client_reason, SSL_R_UNEXPECTED_EOF_WHILE_READING);
  assert_true(link->client.received_size < MEGABYTE);
  tls_link_end(link);
  end(&fixture);
}

/* ---- floods and faults ---- */

static void test_key_updates_are_answered_but_no_flood(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 20);
  connect_client(&fixture, (struct tls_client_options){.version = TLS1_3_VERSION});
  struct tls_link *link = &fixture.link;
  tls_link_exchange(link);
  assert_int_equal(SSL_key_update(link->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
  tls_link_exchange(link);
  tls_link_exchange(link);
  for (int i = 0; i < 4000 && link->server.read_result == -EAGAIN; i++) {
    ERR_clear_error();
    if (SSL_key_update(link->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      (void)SSL_do_handshake(link->ssl);
    if (i % 50 == 0) tls_link_settle(link);
  }
  tls_link_settle(link);
  assert_failed(&fixture, -EPROTO, "too many bytes without content");
  tls_link_end(link);
  end(&fixture);
}

/* Resets and silence at any point: the outcome is an error that stays. */
static void test_a_bad_network_is_an_error(void **state)
{
  (void)state;
  int failed = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    struct fixture fixture;
    begin(&fixture, seed);
    struct world_sim_settings *settings = world_sim_settings(fixture.net.sim);
    settings->reset_per_million = 60000;
    settings->silence_per_million = 20000;
    settings->silence_us = 500000;
    connect_client(&fixture, (struct tls_client_options){.version = VERSIONS[seed % 2]});
    struct tls_link *link = &fixture.link;
    tls_link_send(link, false, 50000);
    tls_link_send(link, true, 50000);
    tls_link_settle(link);
    if (link->stream != NULL && link->server.read_result != -EAGAIN) {
      int64_t failure = link->server.read_result;
      assert_true(failure == -ECONNRESET || failure == -ETIMEDOUT || failure == -EPIPE);
      assert_failed(&fixture, (int)failure, "");
      failed++;
    }
    tls_link_end(link);
    end(&fixture);
  }
  if (getenv("TACOS_SEED") == NULL) assert_true(failed > 10);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture, 21);
  struct memory memory = {.fail_at = 1};
  assert_null(tls_stream_new(fixture.tls, fixture.net.server, 0, &memory));
  struct tls_stream *stream = tls_stream_new(fixture.tls, fixture.net.server, 0, &memory);
  assert_non_null(stream);
  assert_int_equal(memory.calls, 2);
  tls_stream_free(stream);
  assert_int_equal(memory.in_use, 0);
  end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_carries_a_megabyte_both_ways),
      cmocka_unit_test(test_goes_through_the_eye_of_a_needle),
      cmocka_unit_test(test_writes_while_it_does_not_read),
      cmocka_unit_test(test_only_reading_takes_from_the_network),
      cmocka_unit_test(test_old_versions_are_refused),
      cmocka_unit_test(test_weak_suites_are_refused),
      cmocka_unit_test(test_the_server_chooses_the_suite),
      cmocka_unit_test(test_protocols),
      cmocka_unit_test(test_no_renegotiation),
      cmocka_unit_test(test_resumes),
      cmocka_unit_test(test_another_server_makes_a_full_handshake),
      cmocka_unit_test(test_tickets_grow_old),
      cmocka_unit_test(test_running_connections_survive_a_reload),
      cmocka_unit_test(test_garbage),
      cmocka_unit_test(test_who_says_nothing_just_went),
      cmocka_unit_test(test_truncation_is_no_end),
      cmocka_unit_test(test_close_notify_ends_one_direction),
      cmocka_unit_test(test_reads_on_after_its_own_shutdown),
      cmocka_unit_test(test_shutdown_amid_a_record_sends_nothing),
      cmocka_unit_test(test_key_updates_are_answered_but_no_flood),
      cmocka_unit_test(test_a_bad_network_is_an_error),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
