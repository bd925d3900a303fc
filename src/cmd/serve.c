#include "base/check.h"
#include "base/logger.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"
#include "cmd/platform_tables.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
  IDLE_MS = 100, /* between looks at the clock when nothing is to be done: TTL, tokens */
  BUSY_MS = 1,   /* while the file thread is about to make room for the engine */
};

static void report(void *context, const char *message)
{
  LOGGER_WRITE((struct logger *)context, LOGGER_WARNING, "store", "report", message);
}

static uint32_t count_tables(const struct store *store)
{
  uint32_t count = 0;
  struct bytes name = {NULL, 0};
  struct table *table;
  while ((table = store_table_next(store, name)) != NULL) {
    struct table_description description;
    store_table_describe(table, &description);
    name = description.definition.name;
    count++;
  }
  return count;
}

static void announce(const struct store *store, const char *directory, uint32_t made)
{
  struct store_statistics statistics;
  store_statistics(store, &statistics);
  printf("tacos serve: data in %s: %u tables (%u new), %llu items, opened in %lld ms; Ctrl-C "
         "stops it\n",
         directory, count_tables(store), made, (unsigned long long)statistics.items,
         (long long)statistics.open_ms);
  fflush(stdout);
}

/* Until one of `stops`, which are blocked and so wait for us to look. */
static void run(struct store *store, const sigset_t *stops)
{
  for (;;) {
    int64_t wait_ms = IDLE_MS;
    if (store_snapshot_busy(store) || store_restore_busy(store)) wait_ms = BUSY_MS;
    if (store_tick(store)) wait_ms = 0;
    struct timespec wait = {.tv_nsec = wait_ms * 1000000};
    if (sigtimedwait(stops, NULL, &wait) > 0) return;
  }
}

static bool serve(struct world *world, const struct store_options *options, const sigset_t *stops,
                  struct error *error)
{
  struct store *store = store_open(world, options, error);
  if (store == NULL) return false;
  uint32_t made;
  struct error ignored;
  if (!platform_tables_create(store, &made, error)) {
    (void)store_close(store, &ignored);
    return false;
  }
  announce(store, options->directory, made);
  run(store, stops);
  if (!store_close(store, error)) return false;
  printf("tacos serve: stopped, everything is on disk\n");
  return true;
}

int command_serve(const struct arguments *arguments)
{
  struct world_linux linux_world;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  int log_descriptor = STDERR_FILENO;
  struct logger logger = {
      .world = world,
      .threshold = LOGGER_INFO,
      .sink = logger_to_descriptor,
      .sink_context = &log_descriptor,
  };
  /* Before any thread starts, so that none of them is killed by what `run` waits for. */
  sigset_t stops;
  CHECK(sigemptyset(&stops) == 0 && sigaddset(&stops, SIGINT) == 0 &&
        sigaddset(&stops, SIGTERM) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &stops, NULL) == 0);
  /* A reader of our log that went away is no reason to stop. */
  CHECK(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) == 0);

  struct error error;
  struct key key;
  if (!key_file_read(world, arguments->options[OPTION_KEY_FILE], &key, &error))
    return options_fail(arguments, &error);
  struct store_options options = {
      .directory = arguments->options[OPTION_DATA_DIR],
      .key = key_file_bytes(&key),
      .threads = true,
      .report = report,
      .report_context = &logger,
  };
  bool served = serve(world, &options, &stops, &error);
  key_file_forget(&key);
  return served ? EXIT_DONE : options_fail(arguments, &error);
}
