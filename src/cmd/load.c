#include "base/instant.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"
#include "load/on_sale.h"
#include "load/shipped.h"
#include "load/show.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
  PATH_BYTES = 4096,
  THRESHOLDS_MAX = OPTION_REPEATS_MAX + LOAD_LIST_MAX,
  SETTLE_MS = 15000,
  LINE_EVERY_S = 10, /* progress lines of a long run */
  LONG_RUN_S = 120,
};

static const double NS_PER_S = 1e9;

/* One `tacos load`. */
struct job {
  const struct arguments *arguments;
  struct world_linux linux_world;
  struct memory *memory;
  struct arena arena;
  struct buffer text; /* of a scenario file */
  const char *name;
  struct load_file file;
  struct target target;
  bool has_event;
  struct on_sale on_sale;
  struct key secret;
  struct buyers buyers;
  struct load_options options;
  uint32_t threshold_count;
  struct threshold thresholds[THRESHOLDS_MAX];
  /* Progress. */
  int signals;
  bool is_terminal;
  uint32_t screen_lines;
  struct buffer screen;
};

/* ---- what is asked for ---- */

static void list_scenarios(void)
{
  printf("scenarios that are part of this program:\n\n");
  for (uint32_t i = 0; i < SHIPPED_COUNT; i++) {
    struct shipped shipped = shipped_at(i);
    printf("  %-9s %s\n", shipped.name, shipped.summary);
  }
  printf("\n'tacos load NAME --print' shows one as a file to begin with.\n");
}

static bool read_text(struct job *job, const char *path, struct error *error)
{
  struct world *world = &job->linux_world.world;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0) {
    const char *names[SHIPPED_COUNT];
    for (uint32_t i = 0; i < SHIPPED_COUNT; i++) names[i] = shipped_at(i).name;
    if (file == -ENOENT && strchr(path, '/') == NULL && strchr(path, '.') == NULL)
      return options_refuse("scenario", path, names, SHIPPED_COUNT, error);
    return error_set_errno(error, -file, "cannot open the scenario %s", path);
  }
  bool good = buffer_reserve(&job->text, SCENARIO_FILE_BYTES + 1);
  int64_t size = good ? world->operations->file_read(world, file, job->text.data,
                                                     SCENARIO_FILE_BYTES + 1, 0)
                      : -ENOMEM;
  world->operations->file_close(world, file);
  if (size < 0) return error_set_errno(error, (int)-size, "cannot read the scenario %s", path);
  if (size > SCENARIO_FILE_BYTES)
    return error_set(error, ERROR_LIMIT, "%s is larger than a scenario may be (%d bytes)", path,
                     (int)SCENARIO_FILE_BYTES);
  job->text.size = (size_t)size;
  return true;
}

/* The scenario of that name, else the file. */
static bool read_scenario(struct job *job, struct error *error)
{
  struct shipped shipped;
  const char *operand = job->arguments->operand;
  job->name = operand;
  if (shipped_find(operand, &shipped)) {
    if (!buffer_append(&job->text, shipped.text))
      return error_set(error, ERROR_NO_MEMORY, "no memory for a scenario");
    return scenario_read(&job->file, shipped.path, buffer_bytes(&job->text), &job->arena, error);
  }
  return read_text(job, operand, error) &&
         scenario_read(&job->file, operand, buffer_bytes(&job->text), &job->arena, error);
}

static bool take_number(const struct job *job, enum option option, double least, double most,
                        double *number, struct error *error)
{
  const char *text = job->arguments->options[option];
  if (text == NULL) return true;
  char *end;
  *number = strtod(text, &end);
  if (text[0] >= '0' && text[0] <= '9' && *end == 0 && *number >= least && *number <= most)
    return true;
  return error_set(error, ERROR_INVALID, "--%s '%s' is no number from %.0f to %.0f",
                   OPTIONS[option].name, text, least, most);
}

static bool take_time(const struct job *job, enum option option, int64_t *ns, struct error *error)
{
  struct load_span span;
  const char *text = job->arguments->options[option];
  if (text == NULL) return true;
  if (scenario_span(bytes_of_text(text), &span) && span.low_ns == span.high_ns) {
    *ns = span.low_ns;
    return true;
  }
  return error_set(error, ERROR_INVALID, "--%s '%s' is no time: write it like 30s or 5m",
                   OPTIONS[option].name, text);
}

/* The file's stages, scaled to what the command line says. */
static bool scale_stages(struct job *job, struct error *error)
{
  struct load_file *file = &job->file;
  double rate = 0, people = 0, peak = 0, seconds = 0;
  int64_t length_ns = 0;
  if (!take_number(job, OPTION_RATE, 0.001, 1e7, &rate, error) ||
      !take_number(job, OPTION_VIRTUAL_USERS, 1, 1e6, &people, error) ||
      !take_time(job, OPTION_DURATION, &length_ns, error))
    return false;
  if (rate > 0 && people > 0)
    return error_set(error, ERROR_INVALID, "give --rate or --virtual-users, not both");
  for (uint32_t i = 0; i < file->stage_count; i++) {
    const struct stage *stage = &file->stages[i];
    if (stage->from > peak) peak = stage->from;
    if (stage->to > peak) peak = stage->to;
    seconds += stage->seconds;
  }
  bool other_kind = (rate > 0 && file->has_people) || (people > 0 && !file->has_people);
  double value = rate > 0 ? rate : people;
  if (other_kind) {
    file->has_people = people > 0;
    if (file->has_people) file->counts_requests = false;
    file->stages[0] = (struct stage){value, value, seconds};
    file->stage_count = 1;
    peak = value;
  }
  double factor = value > 0 && peak > 0 ? value / peak : 1;
  double stretch = length_ns > 0 ? (double)length_ns / NS_PER_S / seconds : 1;
  for (uint32_t i = 0; i < file->stage_count; i++) {
    file->stages[i].from *= factor;
    file->stages[i].to *= factor;
    file->stages[i].seconds *= stretch;
  }
  return true;
}

static bool take_thresholds(struct job *job, struct error *error)
{
  const struct arguments *arguments = job->arguments;
  for (uint32_t i = 0; i < job->file.fail_if_count; i++)
    if (!threshold_parse(job->file.fail_if[i], &job->file, &job->thresholds[job->threshold_count++],
                         error))
      return error_set(error, ERROR_INVALID, "%s: fail_if: %s", job->file.path, error->message);
  for (uint32_t i = 0; i < arguments->repeated_count; i++)
    if (!threshold_parse(arguments->repeated[i], &job->file,
                         &job->thresholds[job->threshold_count++], error))
      return error_set(error, ERROR_INVALID, "--fail-if: %s", error->message);
  return true;
}

static bool take_options(struct job *job, struct error *error)
{
  struct load_options *options = &job->options;
  double connections = 64, users = 1, seed = 0;
  world_entropy(&job->linux_world.world, &options->seed, sizeof options->seed);
  options->seed >>= 12;
  if (!take_number(job, OPTION_LOAD_CONNECTIONS, 1, LOAD_CONNECTIONS_MAX, &connections, error) ||
      !take_number(job, OPTION_USERS, 1, BUYERS_MAX, &users, error) ||
      !take_number(job, OPTION_SEED, 0, 9e15, &seed, error) ||
      !take_time(job, OPTION_TIMEOUT, &options->timeout_ns, error) ||
      !take_time(job, OPTION_DRAIN, &options->drain_ns, error) || !scale_stages(job, error) ||
      !take_thresholds(job, error))
    return false;
  if (job->arguments->options[OPTION_SEED] != NULL) options->seed = (uint64_t)seed;
  options->connections = (uint32_t)connections;
  job->buyers.count = (uint32_t)users;
  return target_parse(job->arguments->options[OPTION_TARGET], &job->target, error);
}

/* ---- what it needs ---- */

/* The secret that tokens are signed with: the file that is named, else the data directory's. */
static bool read_secret(struct job *job, bool needed, struct error *error)
{
  char path[PATH_BYTES];
  const char *file = job->arguments->options[OPTION_JWT_SECRET_FILE];
  struct world *world = &job->linux_world.world;
  if (file == NULL) {
    snprintf(path, sizeof path, "%s/secrets/jwt.key", job->arguments->options[OPTION_DATA_DIR]);
    if (access(path, R_OK) != 0 && needed)
      return error_set_errno(error, errno,
                             "buyers need tokens, and there is no %s: give --data-dir with the "
                             "server's directory, or --jwt-secret-file",
                             path);
    if (access(path, R_OK) != 0) return true;
    file = path;
  }
  return key_file_read(world, file, &job->secret, error);
}

static bool find_event(struct job *job, struct error *error)
{
  const struct load_file *file = &job->file;
  bool wants_seats = scenario_has(file, PART_SEATS) || scenario_has(file, PART_HOT_SEAT);
  job->has_event = wants_seats || file->reconcile || scenario_has(file, PART_EVENT) ||
                   job->arguments->options[OPTION_LOAD_EVENT] != NULL;
  if (!job->has_event) return true;
  return on_sale_find(&job->target, job->arguments->options[OPTION_LOAD_EVENT], &job->arena,
                      &job->on_sale, error) &&
         (!wants_seats || on_sale_seats(&job->target, &job->arena, &job->on_sale, error));
}

static bool make_buyers(struct job *job, struct error *error)
{
  bool needed = scenario_has(&job->file, PART_TOKEN);
  int64_t now_s = world_clock_ms(&job->linux_world.world) / 1000;
  if (!read_secret(job, needed || job->file.reconcile, error)) return false;
  return buyers_make(&job->buyers, job->memory, job->buyers.count,
                     needed ? key_file_bytes(&job->secret) : NULL, now_s, job->options.seed, error);
}

/* ---- progress ---- */

static void print_progress(struct job *job, const struct load *load)
{
  uint32_t lines = 0;
  buffer_clear(&job->screen);
  if (!job->is_terminal) {
    if (load->length_s <= LONG_RUN_S || (uint64_t)load->elapsed_s % LINE_EVERY_S == 0)
      show_progress_line(load, &job->screen);
  } else {
    if (job->screen_lines > 0) buffer_append_format(&job->screen, "\033[%uA", job->screen_lines);
    show_progress_screen(load, job->name, &job->screen, &lines);
    job->screen_lines = lines;
  }
  fwrite(job->screen.data, 1, job->screen.size, stderr);
}

/* False when somebody pressed Ctrl-C. */
static bool tick(void *context, const struct load *load)
{
  struct job *job = context;
  struct signalfd_siginfo signal;
  print_progress(job, load);
  return read(job->signals, &signal, sizeof signal) != sizeof signal;
}

static bool catch_signals(struct job *job, struct error *error)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  job->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return job->signals != -1 || error_set_errno(error, errno, "cannot wait for signals");
}

/* ---- results ---- */

static bool write_file(const char *path, struct bytes text, struct error *error)
{
  bool to_stdout = strcmp(path, "-") == 0;
  FILE *file = to_stdout ? stdout : fopen(path, "we");
  if (file == NULL) return error_set_errno(error, errno, "cannot write %s", path);
  bool good = fwrite(text.data, 1, text.size, file) == text.size && fflush(file) == 0;
  int problem = errno;
  if (!to_stdout && fclose(file) != 0 && good) {
    good = false;
    problem = errno;
  }
  return good || error_set_errno(error, problem, "cannot write %s", path);
}

/* Renders with `render` and writes it to `path`; NULL: nothing is asked for. */
static bool write_show(struct job *job, const struct show *show, const char *path,
                       void (*render)(const struct show *, struct buffer *), struct error *error)
{
  struct buffer text;
  if (path == NULL) return true;
  buffer_init(&text, job->memory);
  render(show, &text);
  bool good = text.failed ? error_set(error, ERROR_NO_MEMORY, "no memory for %s", path)
                          : write_file(path, buffer_bytes(&text), error);
  buffer_free(&text);
  return good;
}

static bool ask_for_accounts(struct job *job, const struct load *load,
                             struct reconciliation *result, struct error *error)
{
  char token[BUYER_TOKEN_BYTES];
  int64_t now_s = world_clock_ms(&job->linux_world.world) / 1000;
  size_t size = buyers_sign(job->secret.bytes, "load-report", "admin", now_s, token);
  const struct reconcile_ask ask = {
      .target = &job->target,
      .event_id = job->on_sale.event_id,
      .token = bytes_of(token, size),
      .max_per_buyer = job->on_sale.max_per_buyer,
      .told = load->orders,
      .told_count = load->order_count,
      .settle_ms = SETTLE_MS,
  };
  return reconcile(&ask, &job->arena, result, error);
}

static bool has_failed(const struct job *job, const struct load *load)
{
  for (uint32_t i = 0; i < job->threshold_count; i++)
    if (threshold_is_met(&job->thresholds[i], &load->stats)) return true;
  return false;
}

static int report(struct job *job, const struct load *load, const char *started)
{
  struct error error = {0};
  struct reconciliation accounts;
  const char *json = job->arguments->options[OPTION_JSON];
  struct show show = {
      .name = job->name,
      .target = job->arguments->options[OPTION_TARGET],
      .version = command_version_text(),
      .started = started,
      .event = job->on_sale.event_id,
      .options = &job->options,
      .load = load,
      .thresholds = job->thresholds,
      .threshold_count = job->threshold_count,
  };
  bool good = true;
  if (job->file.reconcile) {
    good = ask_for_accounts(job, load, &accounts, &error);
    if (good) show.reconciliation = &accounts;
  }
  bool table_aside = json != NULL && strcmp(json, "-") == 0;
  struct error writing;
  bool written = write_show(job, &show, table_aside ? "/dev/stderr" : "-", show_table, &writing) &&
                 write_show(job, &show, json, show_json, &writing) &&
                 write_show(job, &show, job->arguments->options[OPTION_HTML], show_html, &writing);
  if (!written) return options_fail(job->arguments, &writing);
  if (!good) return options_fail(job->arguments, &error);
  bool failed = has_failed(job, load) ||
                (show.reconciliation != NULL && !show.reconciliation->good);
  return failed ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct job *job)
{
  struct error error;
  struct load_options *options = &job->options;
  char started[INSTANT_TEXT_BYTES + 1] = "";
  options->memory = job->memory;
  if (!find_event(job, &error) || !make_buyers(job, &error) || !catch_signals(job, &error))
    return options_fail(job->arguments, &error);
  instant_format(world_clock_ms(&job->linux_world.world), started);
  options->file = &job->file;
  options->target = job->target.address;
  options->host = job->target.host;
  options->buyers = &job->buyers;
  options->seats = &job->on_sale.seats;
  options->event = job->on_sale.event_id;
  options->probe = job->has_event ? job->on_sale.probe : NULL;
  options->tick = tick;
  options->context = job;
  job->is_terminal = isatty(STDERR_FILENO) != 0;
  struct load *load = load_run(options, &error);
  if (load == NULL) return options_fail(job->arguments, &error);
  int status = report(job, load, started);
  load_close(load);
  return status;
}

int command_load(const struct arguments *arguments)
{
  struct error error;
  if (arguments->operand == NULL) {
    list_scenarios();
    return EXIT_DONE;
  }
  struct job *job = calloc(1, sizeof *job);
  if (job == NULL) {
    error_set(&error, ERROR_NO_MEMORY, "no memory");
    return options_fail(arguments, &error);
  }
  world_linux_init(&job->linux_world);
  job->arguments = arguments;
  job->memory = &job->linux_world.world.memory;
  job->signals = -1;
  arena_init(&job->arena, job->memory);
  buffer_init(&job->text, job->memory);
  buffer_init(&job->screen, job->memory);
  int status;
  if (!read_scenario(job, &error) || !take_options(job, &error)) {
    status = options_fail_usage(arguments->command, &error);
  } else if (arguments->options[OPTION_PRINT] != NULL) {
    fwrite(job->text.data, 1, job->text.size, stdout);
    status = EXIT_DONE;
  } else {
    status = run(job);
  }
  if (job->buyers.memory != NULL) buyers_free(&job->buyers);
  key_file_forget(&job->secret);
  if (job->signals != -1) close(job->signals);
  buffer_free(&job->screen);
  buffer_free(&job->text);
  arena_free(&job->arena);
  free(job);
  return status;
}
