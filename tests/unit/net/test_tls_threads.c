/* Connections on several threads while another reloads: made for ThreadSanitizer. */
#include "unit/net/tls_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, CONNECTIONS = 12, RELOADS_MIN = 20 };

struct worker {
  pthread_t thread;
  struct tls *tls;
  uint64_t seed;
  uint32_t resumed;
  _Atomic bool done;
};

/* A reactor of its own network; every second client comes back with its ticket. */
static void *run(void *context)
{
  struct worker *worker = context;
  struct tls_net net;
  tls_net_begin(&net, worker->seed);
  SSL_SESSION *session = NULL;
  for (int i = 0; i < CONNECTIONS; i++) {
    int version = i % 4 < 2 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (i % 2 == 0) {
      SSL_SESSION_free(session);
      (void)tls_link_once(&net, worker->tls, version, NULL, &session);
      continue;
    }
    worker->resumed += tls_link_once(&net, worker->tls, version, session, NULL);
    struct tls_certificate certificate;
    tls_describe(worker->tls, &certificate);
    assert_string_equal(certificate.subject, "localhost");
  }
  SSL_SESSION_free(session);
  tls_net_end(&net);
  atomic_store(&worker->done, true);
  return NULL;
}

static bool all_done(struct worker *workers)
{
  for (int i = 0; i < THREADS; i++)
    if (!atomic_load(&workers[i].done)) return false;
  return true;
}

static void test_reloads_under_way(void **state)
{
  (void)state;
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  struct tls_options options = tls_files_options(&files);
  struct tls *tls = tls_open(&options, files.world, &error);
  assert_non_null(tls);
  struct worker workers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.tls = tls, .seed = (uint64_t)i + 1};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
  }
  for (int reloads = 0; reloads < RELOADS_MIN || !all_done(workers); reloads++)
    assert_true(tls_reload(tls, &error));
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_int_equal(workers[i].resumed, CONNECTIONS / 2);
  }
  tls_close(tls);
  tls_files_end(&files);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reloads_under_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
