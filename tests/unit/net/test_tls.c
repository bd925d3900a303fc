#include "unit/net/tls_fixture.h"

#include "net/tls_parts.h"

#include <sys/stat.h>

#define HOUR_NS (INT64_C(3600000000000))

enum { MONTH_SECONDS = 30 * 86400 };

struct fixture {
  struct tls_files files;
  struct tls_options options;
  struct tls *tls;
  struct error error;
};

static void begin(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  tls_files_begin(&fixture->files, true);
  fixture->options = tls_files_options(&fixture->files);
  fixture->tls = tls_open(&fixture->options, fixture->files.world, &fixture->error);
  if (fixture->tls == NULL) fail_msg("%s", fixture->error.message);
}

static void end(struct fixture *fixture)
{
  tls_close(fixture->tls);
  tls_files_end(&fixture->files);
}

static void assert_subject(struct fixture *fixture, const char *subject)
{
  struct tls_certificate certificate;
  tls_describe(fixture->tls, &certificate);
  assert_string_equal(certificate.subject, subject);
}

static void test_opens_and_describes(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  assert_subject(&fixture, "localhost");
  end(&fixture);
  tls_close(NULL);
}

/* What the configuration of the machine says about OpenSSL does not matter. */
static void test_sets_everything_that_is_promised(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  SSL_CTX *context = fixture.tls->contexts->ssl_context;
  assert_int_equal(SSL_CTX_get_min_proto_version(context), TLS1_2_VERSION);
  assert_int_equal(SSL_CTX_get_max_proto_version(context), TLS1_3_VERSION);
  assert_int_equal(SSL_CTX_get_security_level(context), 2);
  uint64_t options = SSL_CTX_get_options(context);
  assert_true((options & SSL_OP_NO_RENEGOTIATION) != 0);
  assert_true((options & SSL_OP_NO_COMPRESSION) != 0);
  assert_true((options & SSL_OP_CIPHER_SERVER_PREFERENCE) != 0);
  assert_true((options & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0);
  assert_true((options & SSL_OP_NO_TICKET) == 0);
  assert_int_equal(SSL_CTX_get_session_cache_mode(context), SSL_SESS_CACHE_OFF);
  assert_int_equal(SSL_CTX_get_num_tickets(context), 1);
  assert_int_equal(SSL_CTX_get_max_early_data(context), 0);
  assert_int_equal(SSL_CTX_get_timeout(context), TLS_TICKET_KEY_HOURS * 3600);
  STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(context);
  assert_int_equal(sk_SSL_CIPHER_num(suites), 9);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++)
    assert_true(SSL_CIPHER_is_aead(sk_SSL_CIPHER_value(suites, i)));
  end(&fixture);
}

static void test_tells_what_is_wrong(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  struct tls_options options = fixture.options;
  options.certificate_file = "/nowhere/server.pem";
  assert_null(tls_open(&options, fixture.files.world, &fixture.error));
  assert_int_equal(fixture.error.os_errno, ENOENT);
  assert_non_null(strstr(fixture.error.message, "/nowhere/server.pem"));
  /* Keys that our security level does not take. */
  EVP_PKEY *weak = tls_files_make_key(1024);
  X509 *certificate = tls_files_make_certificate(weak, "weak", NULL, NULL, 0, MONTH_SECONDS);
  tls_files_write_pem(fixture.files.certificate, NULL, certificate, NULL);
  tls_files_write_pem(fixture.files.key, weak, NULL, NULL);
  assert_null(tls_open(&fixture.options, fixture.files.world, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_INVALID);
  assert_non_null(strstr(fixture.error.message, "key too small"));
  assert_non_null(strstr(fixture.error.message, fixture.files.certificate));
  X509_free(certificate);
  EVP_PKEY_free(weak);
  end(&fixture);
}

static void test_takes_an_expired_certificate_with_a_warning(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  tls_files_make_pair(fixture.files.certificate, fixture.files.key, "old", -60);
  assert_true(tls_reload(fixture.tls, &fixture.error));
  struct tls_certificate certificate;
  tls_describe(fixture.tls, &certificate);
  assert_string_equal(certificate.subject, "old");
  assert_non_null(strstr(certificate.warning, "expired"));
  end(&fixture);
}

static void test_reloads_and_keeps_the_old_one_on_errors(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  size_t in_use = fixture.files.world->memory.in_use;
  tls_files_make_pair(fixture.files.certificate, fixture.files.key, "second", MONTH_SECONDS);
  assert_true(tls_reload(fixture.tls, &fixture.error));
  assert_subject(&fixture, "second");
  assert_int_equal(fixture.files.world->memory.in_use, in_use);
  tls_files_write(fixture.files.certificate, "broken", 6);
  assert_false(tls_reload(fixture.tls, &fixture.error));
  assert_non_null(strstr(fixture.error.message, fixture.files.certificate));
  assert_subject(&fixture, "second");
  /* A new certificate without its new key, as when the reload comes between the two copies. */
  char other_key[TLS_FILES_PATH_BYTES];
  tls_files_path(&fixture.files, "other.key", other_key);
  tls_files_make_pair(fixture.files.certificate, other_key, "third", MONTH_SECONDS);
  assert_false(tls_reload(fixture.tls, &fixture.error));
  assert_non_null(strstr(fixture.error.message, "does not belong to"));
  assert_subject(&fixture, "second");
  assert_int_equal(fixture.files.world->memory.in_use, in_use);
  end(&fixture);
}

static void test_contexts_live_as_long_as_their_streams(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  struct tls *tls = fixture.tls;
  struct memory memory = {0};
  struct tls_stream *streams[3];
  for (int i = 0; i < 3; i++) {
    streams[i] = tls_stream_new(tls, fixture.files.world, -1, &memory);
    assert_non_null(streams[i]);
    assert_int_equal(tls->contexts->streams, 1);
    assert_true(tls_reload(tls, &fixture.error));
    assert_int_equal(tls->contexts->streams, 0);
  }
  int contexts = 0;
  for (struct tls_context *context = tls->contexts; context != NULL; context = context->next)
    contexts++;
  assert_int_equal(contexts, 4);
  tls_stream_free(streams[1]);
  assert_true(tls_reload(tls, &fixture.error));
  assert_int_equal(tls->contexts->next->streams, 1);
  assert_int_equal(tls->contexts->next->next->streams, 1);
  assert_null(tls->contexts->next->next->next);
  tls_stream_free(streams[0]);
  tls_stream_free(streams[2]);
  assert_int_equal(memory.in_use, 0);
  assert_true(tls_reload(tls, &fixture.error));
  assert_null(tls->contexts->next);
  end(&fixture);
}

static void test_ticket_keys_change_twice_a_day(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  struct tls *tls = fixture.tls;
  struct tls_ticket_key first, second, found;
  bool renew = true;
  static const uint8_t unknown[TLS_TICKET_NAME_BYTES];
  assert_false(tls_ticket_key_to_open(tls, 0, unknown, &found, &renew));
  assert_true(tls_ticket_key_to_make(tls, 0, &first));
  assert_true(tls_ticket_key_to_make(tls, 12 * HOUR_NS - 1, &second));
  assert_memory_equal(first.name, second.name, sizeof first.name);
  assert_true(tls_ticket_key_to_open(tls, 12 * HOUR_NS - 1, first.name, &found, &renew));
  assert_memory_equal(found.cipher, first.cipher, sizeof first.cipher);
  assert_false(renew);
  assert_true(tls_ticket_key_to_make(tls, 13 * HOUR_NS, &second));
  assert_memory_not_equal(first.name, second.name, sizeof first.name);
  assert_memory_not_equal(first.cipher, second.cipher, sizeof first.cipher);
  assert_memory_not_equal(first.mac, second.mac, sizeof first.mac);
  /* A reload forgets no key. */
  assert_true(tls_reload(tls, &fixture.error));
  assert_true(tls_ticket_key_to_open(tls, 24 * HOUR_NS - 1, first.name, &found, &renew));
  assert_memory_equal(found.mac, first.mac, sizeof first.mac);
  assert_true(renew);
  assert_false(tls_ticket_key_to_open(tls, 24 * HOUR_NS, first.name, &found, &renew));
  /* After a quiet day nothing of the key before is kept. */
  assert_false(tls_ticket_key_to_open(tls, 37 * HOUR_NS, second.name, &found, &renew));
  assert_false(tls->previous.present);
  end(&fixture);
}

static void test_makes_its_own_certificate(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  tls_close(fixture.tls);
  fixture.options = (struct tls_options){.self_directory = fixture.files.directory};
  fixture.tls = tls_open(&fixture.options, fixture.files.world, &fixture.error);
  assert_non_null(fixture.tls);
  assert_subject(&fixture, "Traffic Tacos local");
  assert_true(tls_reload(fixture.tls, &fixture.error));
  assert_subject(&fixture, "Traffic Tacos local");
  end(&fixture);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  struct memory *memory = &fixture.files.world->memory;
  struct tls *tls = NULL;
  for (uint64_t n = 1; tls == NULL; n++) {
    size_t in_use = memory->in_use;
    memory->fail_at = memory->calls + n;
    tls = tls_open(&fixture.options, fixture.files.world, &fixture.error);
    if (tls != NULL) break;
    assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_int_equal(memory->in_use, in_use);
    assert_true(n < 10);
  }
  size_t in_use = memory->in_use;
  bool reloaded = false;
  for (uint64_t n = 1; !reloaded; n++) {
    memory->fail_at = memory->calls + n;
    reloaded = tls_reload(tls, &fixture.error);
    assert_int_equal(memory->in_use, in_use);
    if (!reloaded) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_true(n < 10);
  }
  tls_close(tls);
  end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_opens_and_describes),
      cmocka_unit_test(test_sets_everything_that_is_promised),
      cmocka_unit_test(test_tells_what_is_wrong),
      cmocka_unit_test(test_takes_an_expired_certificate_with_a_warning),
      cmocka_unit_test(test_reloads_and_keeps_the_old_one_on_errors),
      cmocka_unit_test(test_contexts_live_as_long_as_their_streams),
      cmocka_unit_test(test_ticket_keys_change_twice_a_day),
      cmocka_unit_test(test_makes_its_own_certificate),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
