#include "base/check.h"
#include "base/hash.h"
#include "load/run_parts.h"

#include <stdio.h>

/* ---- memory of journeys ---- */

static size_t journey_bytes(const struct run *run)
{
  return sizeof(struct journey) + run->file->names.count * sizeof(struct load_value);
}

static struct journey *take_journey(struct run *run)
{
  struct journey *journey = run->unused;
  if (journey != NULL) {
    run->unused = journey->next;
    return journey;
  }
  return memory_alloc_zeroed(run->load.options->memory, journey_bytes(run));
}

void journey_free_unused(struct run *run)
{
  struct memory *memory = run->load.options->memory;
  while (run->unused != NULL) {
    struct journey *journey = run->unused;
    run->unused = journey->next;
    for (uint32_t i = 0; i < run->file->names.count; i++)
      memory_free(memory, (void *)(uintptr_t)journey->values[i].text.data, journey->capacities[i]);
    memory_free(memory, journey, journey_bytes(run));
  }
}

/* Copies a text into a variable; an old one's memory is used again. */
static bool set_value(struct run *run, struct journey *journey, uint32_t variable,
                      const struct load_value *value)
{
  CHECK_THAT(variable, <, run->file->names.count);
  struct load_value *own = &journey->values[variable];
  uint8_t *memory = (uint8_t *)(uintptr_t)own->text.data;
  size_t size = value->text.size;
  if (size > journey->capacities[variable]) {
    size_t capacity = (size + 63) & ~(size_t)63;
    if (capacity > UINT32_MAX) return false;
    memory = memory_resize(run->load.options->memory, memory, journey->capacities[variable],
                           capacity);
    if (memory == NULL) return false;
    journey->capacities[variable] = (uint32_t)capacity;
  }
  if (size > 0) memcpy(memory, value->text.data, size);
  own->text = bytes_of(memory, size);
  own->is_json = value->is_json;
  return true;
}

/* ---- texts ---- */

struct person {
  char id[BUYER_ID_BYTES];
  char address[LOAD_ADDRESS_BYTES];
};

static struct template_source source_of(struct run *run, const struct journey *journey,
                                        struct person *person)
{
  const struct load_options *options = run->load.options;
  buyer_address(journey->buyer, person->address);
  return (struct template_source){
      .random = &run->random,
      .event = options->event,
      .seats = options->seats,
      .run = options->seed,
      .user = buyer_id(options->buyers, journey->buyer, person->id),
      .token = buyer_token(options->buyers, journey->buyer),
      .address = person->address,
      .number = journey->number,
      .variables = journey->values,
  };
}

static bool apply_sets(struct run *run, struct journey *journey, const struct load_sets *sets)
{
  struct person person;
  if (sets->count == 0) return true;
  struct template_source source = source_of(run, journey, &person);
  for (uint32_t i = 0; i < sets->count; i++) {
    buffer_clear(&run->head);
    if (!template_render(&sets->items[i].value, &source, &run->head)) return false;
    const struct load_value value = {buffer_bytes(&run->head), sets->items[i].is_json};
    if (!set_value(run, journey, sets->items[i].variable, &value)) return false;
  }
  return true;
}

static const struct load_step *step_of(const struct run *run, const struct journey *journey)
{
  return &run->file->steps[journey->scenario->first_step + journey->step];
}

bool journey_render(struct run *run, struct journey *journey)
{
  const struct load_step *step = step_of(run, journey);
  struct person person;
  struct template_source source = source_of(run, journey, &person);
  struct buffer *head = &run->head;
  buffer_clear(head);
  buffer_clear(&run->body);
  bool good = buffer_append(head, http_method_name(step->method)) &&
              buffer_append_byte(head, ' ') && template_render(&step->path, &source, head) &&
              buffer_append(head, BYTES(" HTTP/1.1\r\nhost: ")) &&
              buffer_append(head, bytes_of_text(run->load.options->host)) &&
              buffer_append(head, BYTES("\r\n"));
  for (uint32_t i = 0; good && i < step->header_count; i++)
    good = template_render(&step->headers[i], &source, head) && buffer_append(head, BYTES("\r\n"));
  if (good && step->has_body) {
    char text[64];
    good = template_render(&step->body, &source, &run->body);
    int size = snprintf(text, sizeof text, "%scontent-length: %zu\r\n\r\n",
                        step->has_type ? "" : "content-type: application/json\r\n", run->body.size);
    return good && buffer_append(head, bytes_of(text, (size_t)size)) &&
           buffer_append(head, buffer_bytes(&run->body));
  }
  bool bare = step->method == HTTP_POST || step->method == HTTP_PUT || step->method == HTTP_PATCH;
  return good && buffer_append(head, bare ? BYTES("content-length: 0\r\n\r\n") : BYTES("\r\n"));
}

/* ---- the way through a scenario ---- */

static void journey_end(struct run *run, struct journey *journey, enum load_end how)
{
  struct load_stats *stats = &run->load.stats;
  stats->ends[how]++;
  CHECK_THAT(stats->people, >, 0);
  stats->people--;
  if (run->file->has_people) {
    CHECK_THAT(run->closed_loop, >, 0);
    run->closed_loop--;
  }
  journey->next = run->unused;
  run->unused = journey;
}

static void leave_step(struct run *run, const struct journey *journey)
{
  run->load.stats.steps[step_of(run, journey)->index].people--;
}

static int64_t draw_span(struct run *run, const struct load_span *span)
{
  uint64_t width = (uint64_t)(span->high_ns - span->low_ns);
  return span->low_ns + (width == 0 ? 0 : (int64_t)load_random_below(&run->random, width + 1));
}

/* Sends after a pause, counted from the reply; without one at once. */
static void go_on(struct run *run, struct journey *journey, int64_t pause_ns)
{
  journey->due_ns = run->now_ns + pause_ns;
  if (pause_ns > 0)
    run_later(run, journey);
  else
    journey_ready(run, journey);
}

/* Remembers an order that somebody was told of; without memory it is not looked for later. */
static void keep_order(struct run *run, const struct journey *journey)
{
  struct load *load = &run->load;
  int variable = journey->scenario->order_variable;
  if (variable < 0 || journey->values[variable].text.size == 0) return;
  if (load->order_count == load->order_capacity) {
    uint32_t capacity = load->order_capacity == 0 ? 1024 : 2 * load->order_capacity;
    uint64_t *orders = memory_resize(load->options->memory, load->orders,
                                     load->order_capacity * sizeof orders[0],
                                     capacity * sizeof orders[0]);
    if (orders == NULL) return;
    load->orders = orders;
    load->order_capacity = capacity;
  }
  load->orders[load->order_count++] = load_order_hash(journey->values[variable].text);
}

/* Begins the step at journey->step, or the next one that is to be done. */
static void enter_step(struct run *run, struct journey *journey, bool first)
{
  for (; journey->step < journey->scenario->step_count; journey->step++) {
    const struct load_step *step = step_of(run, journey);
    if (!run_happens(run, step->chance)) continue;
    journey->tries = journey->repeats = 0;
    journey->refreshed = false;
    run->load.stats.steps[step->index].people++;
    if (!apply_sets(run, journey, &step->set)) {
      leave_step(run, journey);
      stats_failure(&run->load.stats, step->index, FAILURE_ROOM);
      journey_end(run, journey, END_FAILED);
      return;
    }
    int64_t think_ns = draw_span(run, &step->think);
    if (!first) {
      go_on(run, journey, think_ns);
    } else if (think_ns > 0) {
      journey->due_ns += think_ns;
      run_later(run, journey);
    } else {
      /* Its due_ns is the arrival's: it has its slot already. */
      journey_dispatch(run, journey);
    }
    return;
  }
  keep_order(run, journey);
  journey_end(run, journey, END_FINISHED);
}

static const struct load_scenario *choose_scenario(struct run *run)
{
  const struct load_file *file = run->file;
  double at = load_random_unit(&run->random) * run->weights;
  for (uint32_t i = 0; i + 1 < file->scenario_count; i++) {
    at -= file->scenarios[i].weight;
    if (at < 0) return &file->scenarios[i];
  }
  return &file->scenarios[file->scenario_count - 1];
}

void journey_begin(struct run *run, int64_t due_ns)
{
  struct load_stats *stats = &run->load.stats;
  const struct load_scenario *scenario = choose_scenario(run);
  struct journey *journey = stats->people >= LOAD_JOURNEYS_MAX ? NULL : take_journey(run);
  stats->journeys++;
  if (journey == NULL) {
    stats_failure(stats, scenario->first_step, FAILURE_ROOM);
    stats->ends[END_FAILED]++;
    return;
  }
  journey->next = NULL;
  journey->due_ns = due_ns;
  journey->scenario = scenario;
  journey->step = 0;
  journey->buyer = (uint32_t)(run->next_number % run->load.options->buyers->count);
  journey->number = ++run->next_number;
  for (uint32_t i = 0; i < run->file->names.count; i++) {
    journey->values[i].text.size = 0;
    journey->values[i].is_json = false;
  }
  stats->people++;
  if (run->file->has_people) run->closed_loop++;
  if (!apply_sets(run, journey, &scenario->set)) {
    stats_failure(stats, scenario->first_step, FAILURE_ROOM);
    journey_end(run, journey, END_FAILED);
    return;
  }
  enter_step(run, journey, true);
}

void journey_ready(struct run *run, struct journey *journey)
{
  if (run->file->counts_requests && !run->over)
    list_push(&run->slots, journey);
  else
    journey_dispatch(run, journey);
}

void journey_dispatch(struct run *run, struct journey *journey)
{
  if (!list_is_empty(&run->waiting) || !links_send(run, journey)) list_push(&run->waiting, journey);
}

void journey_cut(struct run *run, struct journey *journey)
{
  leave_step(run, journey);
  journey_end(run, journey, END_CUT);
}

/* ---- replies ---- */

static bool meets(const struct load_conditions *conditions, uint16_t status, struct bytes code)
{
  for (uint32_t i = 0; i < conditions->count; i++) {
    const struct load_condition *condition = &conditions->items[i];
    if (condition->status != 0 ? condition->status == status : bytes_equal(condition->code, code))
      return true;
  }
  return false;
}

static bool is_expected(const struct load_step *step, uint16_t status, struct bytes code)
{
  if (step->expect.count > 0) return meets(&step->expect, status, code);
  return (status >= 200 && status < 300) || status == 304;
}

static struct bytes code_of(struct run *run, const struct load_step *step,
                            const struct response *response)
{
  struct load_value value;
  if (!step->wants_code || response->status < 400 ||
      !field_find(response->body, BYTES("error.code"), &run->arena, &value))
    return (struct bytes){NULL, 0};
  return value.text;
}

/* An offer of nothing leaves a variable as it is. */
static bool is_nothing(const struct load_value *value)
{
  return value->is_json &&
         (bytes_equal(value->text, BYTES("[]")) || bytes_equal(value->text, BYTES("null")));
}

static void take_fields(struct run *run, struct journey *journey, const struct load_takes *takes,
                        struct bytes body)
{
  struct load_value value;
  for (uint32_t i = 0; i < takes->count; i++)
    if (field_find(body, takes->items[i].path, &run->arena, &value) && !is_nothing(&value))
      (void)set_value(run, journey, takes->items[i].variable, &value);
}

static bool holds(struct run *run, const struct journey *journey, const struct load_match *match,
                  struct bytes body)
{
  struct load_value value;
  struct person person;
  if (!field_find(body, match->path, &run->arena, &value)) return false;
  if (match->any) return true;
  struct template_source source = source_of(run, journey, &person);
  buffer_clear(&run->head);
  return template_render(&match->is, &source, &run->head) &&
         bytes_equal(buffer_bytes(&run->head), value.text);
}

static bool all_hold(struct run *run, const struct journey *journey,
                     const struct load_matches *matches, struct bytes body)
{
  for (uint32_t i = 0; i < matches->count; i++)
    if (!holds(run, journey, &matches->items[i], body)) return false;
  return true;
}

/* The first unexpected reply, for the table. */
static void keep_example(struct run *run, const struct load_step *step,
                         const struct response *response, const char *what)
{
  struct load_stats *stats = &run->load.stats;
  if (stats->example[0] != 0) return;
  size_t size = response->body.size < 240 ? response->body.size : 240;
  size = bytes_utf8_prefix(bytes_of(response->body.data, size));
  int begin = snprintf(stats->example, sizeof stats->example, "%.*s: %s %u %.*s",
                       BYTES_FORMAT(step->name), what, response->status, (int)size,
                       (const char *)response->body.data);
  for (int i = 0; i < begin && i < (int)sizeof stats->example; i++)
    if ((uint8_t)stats->example[i] < ' ') stats->example[i] = ' ';
}

/* All checks of a step; true when none failed. */
static bool check_reply(struct run *run, const struct journey *journey,
                        const struct load_step *step, const struct response *response)
{
  struct step_stats *own = &run->load.stats.steps[step->index];
  bool good = true;
  for (uint32_t i = 0; i < step->check.count; i++) {
    bool held = holds(run, journey, &step->check.items[i], response->body);
    own->checks_passed += held;
    own->checks_failed += !held;
    good = good && held;
  }
  if (good) return true;
  stats_failure(&run->load.stats, step->index, FAILURE_CHECK);
  keep_example(run, step, response, "a check failed on");
  return false;
}

/* "until" does not hold: once more, or the end. */
static void poll_again(struct run *run, struct journey *journey, const struct load_step *step)
{
  if (++journey->repeats < step->repeat.at_most) {
    /* From one sending to the next, but never before the reply. */
    int64_t pause_ns = journey->due_ns + step->repeat.every_ns - run->now_ns;
    go_on(run, journey, pause_ns > 0 ? pause_ns : 0);
    return;
  }
  leave_step(run, journey);
  if (!step->repeat.leave) stats_failure(&run->load.stats, step->index, FAILURE_REPEAT);
  journey_end(run, journey, step->repeat.leave ? END_LEFT : END_FAILED);
}

/* The reply was expected. */
static void succeed(struct run *run, struct journey *journey, const struct load_step *step,
                    const struct response *response)
{
  run->load.stats.steps[step->index].succeeded++;
  take_fields(run, journey, &step->take, response->body);
  if (!check_reply(run, journey, step, response)) {
    leave_step(run, journey);
    journey_end(run, journey, END_FAILED);
    return;
  }
  if (step->repeat.at_most > 0 && !all_hold(run, journey, &step->repeat.until, response->body)) {
    poll_again(run, journey, step);
    return;
  }
  if (!journey->refreshed && run_happens(run, step->again)) {
    journey->refreshed = true;
    go_on(run, journey, draw_span(run, &step->think));
    return;
  }
  leave_step(run, journey);
  if (run_happens(run, step->leave)) {
    journey_end(run, journey, END_LEFT);
    return;
  }
  journey->step++;
  enter_step(run, journey, false);
}

/* A reply to the second sending of a double click: it must be the same, or say that it is one. */
static void judge_second(struct run *run, const struct load_step *step,
                         const struct response *response)
{
  struct step_stats *own = &run->load.stats.steps[step->index];
  if (is_expected(step, response->status, code_of(run, step, response)))
    own->succeeded++;
  else if (response->status == 409 ||
           meets(&step->end_on, response->status, code_of(run, step, response)))
    own->refused++;
  else
    stats_failure(&run->load.stats, step->index, FAILURE_STATUS);
}

void journey_reply(struct run *run, const struct request *request, const struct response *response)
{
  struct journey *journey = request->journey;
  const struct load_step *step = request->step;
  struct load_stats *stats = &run->load.stats;
  if (request->sent_ns > run->now_ns) run->now_ns = run_clock_ns();
  int64_t service_ns = run->now_ns - request->sent_ns;
  int64_t latency_ns = run->file->has_people ? service_ns : run->now_ns - request->due_ns;
  stats_reply(stats, step->index, response->status, latency_ns, service_ns, response->bytes);
  if (!run->over) stats->scheduled_requests++;
  arena_reset(&run->arena);
  if (journey == NULL) {
    judge_second(run, step, response);
    return;
  }
  struct bytes code = code_of(run, step, response);
  if (meets(&step->retry.on, response->status, code) && journey->tries < step->retry.at_most) {
    journey->tries++;
    stats->steps[step->index].refused++;
    stats->steps[step->index].retries++;
    (void)apply_sets(run, journey, &step->set);
    take_fields(run, journey, &step->retry.take, response->body);
    go_on(run, journey, draw_span(run, &step->retry.after));
  } else if (is_expected(step, response->status, code)) {
    succeed(run, journey, step, response);
  } else if (meets(&step->end_on, response->status, code)) {
    stats->steps[step->index].refused++;
    leave_step(run, journey);
    journey_end(run, journey, END_REFUSED);
  } else {
    stats_failure(stats, step->index, FAILURE_STATUS);
    keep_example(run, step, response, "unexpected status");
    leave_step(run, journey);
    journey_end(run, journey, END_FAILED);
  }
}

void journey_failed(struct run *run, const struct request *request, enum load_failure failure)
{
  const struct load_step *step = request->step;
  if (step == NULL) return;
  /* What did not come is charged for the time it was waited for. */
  int64_t now_ns = run_clock_ns();
  stats_reply(&run->load.stats, step->index, 0, now_ns - request->due_ns,
              request->sent_ns == 0 ? -1 : now_ns - request->sent_ns, 0);
  stats_failure(&run->load.stats, step->index, failure);
  if (!run->over) run->load.stats.scheduled_requests++;
  if (request->journey == NULL) return;
  leave_step(run, request->journey);
  journey_end(run, request->journey, END_FAILED);
}

uint64_t load_order_hash(struct bytes order_id)
{
  return hash_bytes(order_id, UINT64_C(0x7461636F73));
}
