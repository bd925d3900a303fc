#include "base/instant.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"
#include "sale/audit.h"
#include "store/verify.h"

#include <inttypes.h>
#include <stdio.h>

static void finding(void *context, const char *message)
{
  const struct arguments *arguments = context;
  fflush(stdout);
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

/* ---- what is in the tables ---- */

static void tell_finding(void *context, enum audit_law law, const char *message)
{
  const struct arguments *arguments = context;
  fflush(stdout);
  fprintf(stderr, "tacos %s: %s: %s\n", arguments->command, audit_law_row(law)->name, message);
}

static void tell_note(void *context, enum audit_law law, const char *message)
{
  (void)context;
  (void)law;
  printf("note        %s\n", message);
}

/* A count with a comma before every three digits. */
static const char *count_text(uint64_t count, char text[32])
{
  char digits[24];
  size_t size = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
  size_t used = 0;
  for (size_t i = 0; i < size; i++) {
    if (i > 0 && (size - i) % 3 == 0) text[used++] = ',';
    text[used++] = digits[i];
  }
  text[used] = 0;
  return text;
}

static void print_law(enum audit_law law, const struct audit_law_result *result)
{
  const struct audit_law_row *row = audit_law_row(law);
  char text[32];
  printf("%-11s %s", row->name, count_text(result->count, text));
  const char *joint = ": ";
  if (result->findings > 0) {
    printf(": %s finding%s", count_text(result->findings, text), result->findings == 1 ? "" : "s");
    joint = "; ";
  } else if (result->count > 0) {
    printf(": %s", row->holds);
    joint = "; ";
  }
  if (result->pending > 0)
    printf("%s%s %s", joint, count_text(result->pending, text), row->pending);
  printf("\n");
}

static void print_laws(const struct arguments *arguments, const struct audit_result *result)
{
  for (enum audit_law i = 0; i < AUDIT_LAWS; i++) {
    const struct audit_law_result *law = &result->laws[i];
    if (!law->looked) continue;
    print_law(i, law);
    if (law->findings <= AUDIT_SHOWN_MAX) continue;
    fflush(stdout);
    fprintf(stderr, "tacos %s: %s: and %" PRIu64 " more\n", arguments->command,
            audit_law_row(i)->name, law->findings - AUDIT_SHOWN_MAX);
  }
}

/* The tables as of the newest record, in memory; what the directory holds is only read. */
static bool audit_tables(struct world *world, const struct arguments *arguments,
                         const struct key *key, int64_t latest_ms, uint64_t *findings,
                         struct error *error)
{
  const struct store_options store_options = {
      .directory = arguments->operand,
      .key = key_file_bytes(key),
      .threads = true,
      .read_only = true,
      .report = finding,
      .report_context = (void *)arguments,
  };
  struct store *store = store_open(world, &store_options, error);
  if (store == NULL) return false;
  const struct audit_options options = {
      .world = world,
      .store = store,
      .now_ms = latest_ms,
      .finding = tell_finding,
      .note = tell_note,
      .context = (void *)arguments,
  };
  struct audit_result result;
  struct error ignored;
  bool done = audit_run(&options, &result, error);
  (void)store_close(store, &ignored);
  if (!done) return false;
  print_laws(arguments, &result);
  *findings += result.findings;
  return true;
}

static bool check(struct world *world, const struct arguments *arguments, const struct key *key,
                  uint64_t *findings, struct error *error)
{
  struct verify_options options = {
      .directory = arguments->operand,
      .key = key_file_bytes(key),
      .finding = finding,
      .finding_context = (void *)arguments,
  };
  struct verify_result result;
  if (!verify_run(world, &options, &result, error)) return false;
  print_result(&result);
  *findings = result.findings;
  bool empty = result.snapshots == 0 && result.log_records == 0;
  if (arguments->options[OPTION_FILES_ONLY] != NULL || (empty && result.findings == 0)) return true;
  if (result.findings > 0) {
    printf("tables      not looked at: restore the files first\n");
    return true;
  }
  return audit_tables(world, arguments, key, result.latest_ms, findings, error);
}

int command_check(const struct arguments *arguments)
{
  struct world_linux linux_world;
  struct error error;
  struct key key;
  uint64_t findings;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  if (!key_file_read(world, arguments->options[OPTION_KEY_FILE], &key, &error))
    return options_fail(arguments, &error);
  bool done = check(world, arguments, &key, &findings, &error);
  key_file_forget(&key);
  if (!done) return options_fail(arguments, &error);
  if (findings == 0) {
    printf("nothing wrong\n");
    return EXIT_DONE;
  }
  printf("findings    %" PRIu64 "\n", findings);
  return EXIT_FAILED;
}
