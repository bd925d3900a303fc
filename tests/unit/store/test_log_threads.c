/* The log with its threads on real files: made for ThreadSanitizer. */
#include "base/world_linux.h"
#include "store/log_writer.h"
#include "unit/store/log_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct fixture {
  char directory[64];
  struct world_linux linux_world;
  struct world *world;
  struct log_options options;
  struct error error;
  _Atomic int notified;
};

static void count_notification(void *context)
{
  struct fixture *fixture = context;
  atomic_fetch_add(&fixture->notified, 1);
}

static void fixture_open(struct fixture *fixture)
{
  memset(fixture, 0, sizeof *fixture);
  strcpy(fixture->directory, "/tmp/tacos-log-XXXXXX");
  assert_non_null(mkdtemp(fixture->directory));
  world_linux_init(&fixture->linux_world);
  fixture->world = &fixture->linux_world.world;
  fixture->options = (struct log_options){.directory = fixture->directory,
                                          .segment_bytes = 256 << 10,
                                          .threads = true,
                                          .notify = count_notification,
                                          .notify_context = fixture};
}

struct removing {
  struct fixture *fixture;
  int names;
};

static void remove_name(void *context, const char *name)
{
  struct removing *removing = context;
  char path[STORE_FILE_PATH_BYTES];
  if (name[0] == '.') return;
  store_file_path(path, removing->fixture->directory, name);
  assert_int_equal(unlink(path), 0);
  assert_null(strstr(name, ".tmp"));
  removing->names++;
}

static void fixture_close(struct fixture *fixture)
{
  struct removing removing = {.fixture = fixture};
  assert_int_equal(fixture->world->operations->dir_list(fixture->world, fixture->directory,
                                                        remove_name, &removing),
                   0);
  assert_true(removing.names > 0);
  assert_int_equal(rmdir(fixture->directory), 0);
  assert_int_equal(fixture->world->memory.in_use, 0);
}

/*
 * Turns of random length without a pause: refusals would be spurious, rolls must not lose a record.
 */
static void test_bursts_meet_no_refusal(void **state)
{
  (void)state;
  for (int sealed = 0; sealed < 2; sealed++) {
    struct fixture fixture;
    fixture_open(&fixture);
    if (sealed) fixture.options.key = fixture_key;
    struct random random;
    random_init(&random, random_seed(1));
    uint64_t last = 0;
    for (int run = 0; run < 3; run++) {
      struct log *log = log_open(fixture.world, &fixture.options, last + 1, &fixture.error);
      assert_non_null(log);
      for (int turn = 0; turn < 400; turn++) {
        for (uint64_t i = random_below(&random, 60); i > 0; i--)
          assert_true(append_next(log, &fixture.error));
        log_flush(log);
        assert_true(log_durable(log) <= log_appended(log));
        if (random_below(&random, 40) == 0) {
          uint64_t wanted = log_appended(log);
          assert_true(log_wait(log, wanted, &fixture.error));
          assert_true(log_durable(log) >= wanted);
        }
      }
      last = log_appended(log);
      assert_true(log_close(log, &fixture.error));
      assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error),
                       last);
    }
    assert_true(atomic_load(&fixture.notified) > 10);
    fixture_close(&fixture);
  }
}

/* A flush makes durable what was appended though nobody waits, and an idle log confirms it. */
static void test_an_idle_log_confirms(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  assert_true(append_next(log, &fixture.error));
  log_flush(log);
  bool confirmed = false;
  for (int i = 0; i < 2000 && !confirmed; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    pthread_mutex_lock(&log->lock);
    confirmed = atomic_load(&log->durable) == 1 && log->confirmed;
    pthread_mutex_unlock(&log->lock);
  }
  assert_true(confirmed);
  assert_int_equal(atomic_load(&fixture.notified), 1);
  assert_true(log_close(log, &fixture.error));
  fixture_close(&fixture);
}

struct follower {
  struct fixture *fixture;
  uint64_t until;
  uint64_t read;
  uint64_t ends; /* how often it had to wait */
};

/* Reads the growing files as a change stream does, with a world of its own. */
static void *follow(void *context)
{
  struct follower *follower = context;
  struct world_linux linux_world;
  struct error error;
  world_linux_init(&linux_world);
  struct log_reader *reader = log_reader_open(&linux_world.world, &follower->fixture->options, 1,
                                              LOG_TAIL_KEEP, &error);
  struct log_record record;
  while (reader != NULL && follower->read < follower->until) {
    int more = log_reader_next(reader, &record, &error);
    if (more < 0) {
      print_error("%s\n", error.message);
      break;
    }
    if (more == 0) {
      follower->ends++;
      nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    } else {
      assert_record(&record, ++follower->read);
    }
  }
  log_reader_close(reader);
  return NULL;
}

static void test_a_reader_follows_the_writer(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  struct follower follower = {.fixture = &fixture, .until = 20000};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, follow, &follower), 0);
  while (log_appended(log) < follower.until) {
    for (int i = 0; i < 20; i++) assert_true(append_next(log, &fixture.error));
    log_flush(log);
    if (log_appended(log) % 1000 == 0)
      assert_true(log_wait(log, log_appended(log), &fixture.error));
  }
  assert_true(log_wait(log, follower.until, &fixture.error));
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(follower.read, follower.until);
  assert_true(log_close(log, &fixture.error));
  fixture_close(&fixture);
}

/*
 * A write that fails stops the process with a line that says why; what was durable is still there.
 */
static void test_a_failed_write_stops_the_process(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  fixture.options.notify = NULL;
  int output[2];
  assert_int_equal(pipe(output), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(output[1], STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
    if (log == NULL || !append_next(log, &fixture.error) || !log_wait(log, 1, &fixture.error))
      _exit(1);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096}); /* every further write: EFBIG */
    if (!append_next(log, &fixture.error)) _exit(2);
    (void)log_wait(log, 2, &fixture.error);
    _exit(3);
  }
  close(output[1]);
  char text[512] = "";
  ssize_t size = read(output[0], text, sizeof text - 1);
  close(output[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  assert_true(size > 0);
  assert_non_null(strstr(text, "cannot be written after sequence 1: File too large; stopping"));
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error), 1);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bursts_meet_no_refusal),
      cmocka_unit_test(test_an_idle_log_confirms),
      cmocka_unit_test(test_a_reader_follows_the_writer),
      cmocka_unit_test(test_a_failed_write_stops_the_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
