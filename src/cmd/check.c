#include "base/instant.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"
#include "store/verify.h"

#include <inttypes.h>
#include <stdio.h>

static void finding(void *context, const char *message)
{
  const struct arguments *arguments = context;
  fprintf(stderr, "tacos %s: %s\n", arguments->command, message);
}

static void print_result(const struct verify_result *result)
{
  printf("snapshots   %" PRIu64 ", %" PRIu64 " records\n", result->snapshots,
         result->snapshot_records);
  printf("log         %" PRIu64 " segments, %" PRIu64 " records", result->segments,
         result->log_records);
  if (result->log_records > 0)
    printf(", %" PRIu64 " to %" PRIu64, result->first_sequence, result->last_sequence);
  printf("\nimages      %" PRIu64 "\n", result->images);
  if (result->earliest_ms <= result->latest_ms && result->earliest_ms >= INSTANT_MIN_MS &&
      result->latest_ms <= INSTANT_MAX_MS) {
    char earliest[INSTANT_TEXT_BYTES];
    char latest[INSTANT_TEXT_BYTES];
    instant_format(result->earliest_ms, earliest);
    instant_format(result->latest_ms, latest);
    printf("restorable  %.*s to %.*s\n", INSTANT_TEXT_BYTES, earliest, INSTANT_TEXT_BYTES, latest);
  } else {
    printf("restorable  nothing\n");
  }
}

int command_check(const struct arguments *arguments)
{
  struct world_linux linux_world;
  struct error error;
  struct key key;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  if (!key_file_read(world, arguments->options[OPTION_KEY_FILE], &key, &error))
    return options_fail(arguments, &error);
  struct verify_options options = {
      .directory = arguments->operand,
      .key = key_file_bytes(&key),
      .finding = finding,
      .finding_context = (void *)arguments,
  };
  struct verify_result result;
  bool done = verify_run(world, &options, &result, &error);
  key_file_forget(&key);
  if (!done) return options_fail(arguments, &error);
  print_result(&result);
  if (result.findings == 0) {
    printf("nothing wrong\n");
    return EXIT_DONE;
  }
  printf("findings    %" PRIu64 "\n", result.findings);
  return EXIT_FAILED;
}
