#include "base/instant.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"
#include "store/backup.h"
#include "store/store.h"

#include <stdio.h>

static void report(void *context, const char *message)
{
  const struct arguments *arguments = context;
  fprintf(stderr, "tacos %s: %s\n", arguments->command, message);
}

static void print_tables(const struct store *store)
{
  struct bytes name = {NULL, 0};
  struct table *table;
  while ((table = store_table_next(store, name)) != NULL) {
    struct table_description description;
    store_table_describe(table, &description);
    name = description.definition.name;
    printf("  %-32.*s %llu items\n", BYTES_FORMAT(name),
           (unsigned long long)description.item_count);
  }
}

/* Opens the new store once: what recovers here recovers in `tacos serve`. */
static bool open_once(struct world *world, const struct arguments *arguments,
                      const struct backup_options *options, struct error *error)
{
  struct store_options store_options = {
      .directory = options->target,
      .key = options->key,
      .threads = true,
      .report = report,
      .report_context = (void *)arguments,
  };
  struct store *store = store_open(world, &store_options, error);
  if (store == NULL) return false;
  print_tables(store);
  return store_close(store, error);
}

static void print_result(const struct backup_options *options, const struct backup_result *result)
{
  printf("restored %s to %s", options->source, options->target);
  if (result->last_ms != 0) {
    char text[INSTANT_TEXT_BYTES];
    instant_format(result->last_ms, text);
    printf(": everything up to %.*s (record %llu)", (int)sizeof text, text,
           (unsigned long long)result->last_sequence);
  }
  printf("\n");
}

int command_restore(const struct arguments *arguments)
{
  struct world_linux linux_world;
  struct error error;
  struct key key;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  int64_t at_ms = INT64_MAX;
  const char *at = arguments->options[OPTION_AT];
  if (at != NULL && !instant_parse(bytes_of_text(at), &at_ms, &error)) {
    fprintf(stderr, "tacos %s: --at %s: %s\n", arguments->command, at, error.message);
    return EXIT_USAGE;
  }
  if (!key_file_read(world, arguments->options[OPTION_KEY_FILE], &key, &error))
    return options_fail(arguments, &error);
  struct backup_options options = {
      .source = arguments->operand,
      .target = arguments->options[OPTION_DATA_DIR],
      .key = key_file_bytes(&key),
      .at_ms = at_ms,
  };
  struct backup_result result;
  bool done = backup_restore(world, &options, &result, &error);
  if (done) {
    print_result(&options, &result);
    done = open_once(world, arguments, &options, &error);
  }
  key_file_forget(&key);
  return done ? EXIT_DONE : options_fail(arguments, &error);
}
