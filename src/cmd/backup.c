#include "store/backup.h"

#include "base/instant.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"

#include <stdio.h>

static void print_result(const struct backup_options *options, const struct backup_result *result)
{
  printf("copied %llu snapshots and %llu log records from %s to %s\n",
         (unsigned long long)result->snapshots, (unsigned long long)result->records,
         options->source, options->target);
  if (result->last_sequence == 0) {
    printf("the store is empty\n");
    return;
  }
  char text[INSTANT_TEXT_BYTES];
  instant_format(result->last_ms, text);
  printf("the copy holds everything up to %.*s (record %llu)\n", (int)sizeof text, text,
         (unsigned long long)result->last_sequence);
}

int command_backup(const struct arguments *arguments)
{
  struct world_linux linux_world;
  struct error error;
  struct key key;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  if (!key_file_read(world, arguments->options[OPTION_KEY_FILE], &key, &error))
    return options_fail(arguments, &error);
  struct backup_options options = {
      .source = arguments->options[OPTION_DATA_DIR],
      .target = arguments->operand,
      .key = key_file_bytes(&key),
  };
  struct backup_result result;
  bool done = backup_run(world, &options, &result, &error);
  key_file_forget(&key);
  if (!done) return options_fail(arguments, &error);
  print_result(&options, &result);
  return EXIT_DONE;
}
