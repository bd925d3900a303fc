#include "base/check.h"
#include "base/json.h"
#include "bus/bus_state.h"

static const char *const KINDS[] = {
    [BUS_TARGET_QUEUE] = "queue",
    [BUS_TARGET_WEBHOOK] = "webhook",
    [BUS_TARGET_LOG] = "log",
};
static const char *const INPUTS[] = {
    [BUS_INPUT_EVENT] = "event",
    [BUS_INPUT_PATH] = "path",
    [BUS_INPUT_TEMPLATE] = "template",
    [BUS_INPUT_CONSTANT] = "constant",
};

void bus_target_init(struct bus_target *target, struct bytes id, enum bus_target_kind kind,
                     struct bytes address)
{
  *target = (struct bus_target){
      .id = id, .kind = kind, .address = address, .retries = BUS_RETRIES, .age_s = BUS_AGE_S};
}

/* ---- writing ---- */

static void write_target(struct bus_item *item, const struct bus_target *target)
{
  value_write_begin(&item->writer, VALUE_MAP);
  bus_item_text(item, BYTES("id"), target->id);
  bus_item_text(item, BYTES("kind"), bytes_of_text(KINDS[target->kind]));
  bus_item_text(item, BYTES("address"), target->address);
  bus_item_text(item, BYTES("group"), target->group);
  bus_item_text(item, BYTES("input"), bytes_of_text(INPUTS[target->input]));
  bus_item_text(item, BYTES("inputText"), target->input_text);
  value_write_name(&item->writer, BYTES("variables"));
  value_write_begin(&item->writer, VALUE_LIST);
  for (uint32_t i = 0; i < target->variable_count; i++) {
    value_write_string(&item->writer, target->variables[i].name);
    value_write_string(&item->writer, target->variables[i].path);
  }
  value_write_end(&item->writer);
  bus_item_integer(item, BYTES("retries"), target->retries);
  bus_item_integer(item, BYTES("age"), target->age_s);
  bus_item_text(item, BYTES("deadLetter"), target->dead_letter);
  value_write_end(&item->writer);
}

static struct value write_rule(const struct bus *bus, const struct bus_rule *rule, int64_t since_ms,
                               struct arena *arena, struct error *error)
{
  struct bus_item item;
  struct bytes pk = bus_join(arena, BYTES(BUS_PK_BUS), bus->name, BYTES(""), BYTES(""));
  struct bytes sk = bus_join(arena, BYTES("RULE#"), rule->name, BYTES(""), BYTES(""));
  error_set(error, ERROR_NO_MEMORY, "no memory for a rule");
  if (pk.data == NULL || sk.data == NULL) return VALUE_NONE;
  bus_item_begin(&item, &bus->buses->scratch);
  bus_item_key(&item, pk, sk);
  bus_item_text(&item, BYTES("name"), rule->name);
  bus_item_text(&item, BYTES("description"), rule->description);
  bus_item_text(&item, BYTES("pattern"), rule->pattern);
  bus_item_text(&item, BYTES("schedule"), rule->schedule);
  bus_item_bool(&item, BYTES("disabled"), rule->disabled);
  bus_item_integer(&item, BYTES("created"), rule->created_ms);
  bus_item_integer(&item, BYTES("changed"), rule->changed_ms);
  bus_item_integer(&item, BYTES("since"), since_ms);
  value_write_name(&item.writer, BYTES("targets"));
  value_write_begin(&item.writer, VALUE_LIST);
  for (uint32_t i = 0; i < rule->target_count; i++) write_target(&item, &rule->targets[i]);
  value_write_end(&item.writer);
  struct value value = bus_item_end(&item, arena);
  /* The writer says what of the texts is not UTF-8. */
  if (item.writer.error.code != ERROR_NONE) *error = item.writer.error;
  return value;
}

/* ---- reading ---- */

/* Whether an item has the shape that write_rule gives it; the rest is checked as any rule is. */
static bool has_shape(struct value item)
{
  struct value targets = value_attribute(item, BYTES("targets"));
  struct value target, text;
  if (value_type(targets) != VALUE_LIST) return false;
  struct value_iterator iterator = value_iterate(targets);
  while (value_next(&iterator, NULL, &target)) {
    if (value_type(target) != VALUE_MAP) return false;
    struct value variables = value_attribute(target, BYTES("variables"));
    if (value_type(variables) != VALUE_LIST || value_count(variables) % 2 != 0) return false;
    struct value_iterator texts = value_iterate(variables);
    while (value_next(&texts, NULL, &text))
      if (value_type(text) != VALUE_STRING) return false;
  }
  return true;
}

/* An index into names, or `count`. */
static uint32_t index_of(const char *const *names, uint32_t count, struct bytes name)
{
  uint32_t i = 0;
  while (i < count && !bytes_equal(name, bytes_of_text(names[i]))) i++;
  return i;
}

static bool read_variables(struct value list, struct bus_target *target, struct arena *arena)
{
  uint32_t count = value_count(list) / 2;
  struct bus_variable *variables = arena_alloc_array(arena, count, sizeof *variables);
  if (variables == NULL) return false;
  struct value_iterator iterator = value_iterate(list);
  struct value name, path;
  for (uint32_t i = 0; i < count; i++) {
    value_next(&iterator, NULL, &name);
    value_next(&iterator, NULL, &path);
    variables[i] = (struct bus_variable){value_bytes(name), value_bytes(path)};
  }
  target->variables = variables;
  target->variable_count = count;
  return true;
}

/* Texts point into the item. */
static bool read_target(struct value map, struct bus_target *target, struct arena *arena)
{
  *target = (struct bus_target){
      .id = bus_item_get_text(map, BYTES("id")),
      .kind = (enum bus_target_kind)index_of(KINDS, 3, bus_item_get_text(map, BYTES("kind"))),
      .address = bus_item_get_text(map, BYTES("address")),
      .group = bus_item_get_text(map, BYTES("group")),
      .input = (enum bus_input)index_of(INPUTS, 4, bus_item_get_text(map, BYTES("input"))),
      .input_text = bus_item_get_text(map, BYTES("inputText")),
      .retries = (int32_t)bus_item_get_integer(map, BYTES("retries"), -1),
      .age_s = (int32_t)bus_item_get_integer(map, BYTES("age"), -1),
      .dead_letter = bus_item_get_text(map, BYTES("deadLetter")),
  };
  return read_variables(value_attribute(map, BYTES("variables")), target, arena);
}

static bool read_targets(struct rule *rule, struct value list)
{
  struct arena *arena = &rule->subscriber.arena;
  uint32_t count = value_count(list);
  struct bus_target *shown = arena_alloc_array(arena, count, sizeof *shown);
  rule->targets = arena_alloc_array(arena, count, sizeof *rule->targets);
  if (shown == NULL || rule->targets == NULL) return false;
  struct value_iterator iterator = value_iterate(list);
  struct value map;
  for (uint32_t i = 0; i < count; i++) {
    value_next(&iterator, NULL, &map);
    if (!read_target(map, &shown[i], arena)) return false;
    rule->targets[i] = (struct target){.shown = &shown[i]};
  }
  rule->shown.targets = shown;
  rule->shown.target_count = count;
  return true;
}

static bool read_rule(struct rule *rule, struct value item)
{
  const struct bus *bus = rule->subscriber.bus;
  struct arena *arena = &rule->subscriber.arena;
  struct bytes copy = arena_copy(arena, bytes_of(item.data, item.size));
  if (copy.data == NULL) return false;
  item = (struct value){copy.data, copy.size};
  rule->shown = (struct bus_rule){
      .name = bus_item_get_text(item, BYTES("name")),
      .description = bus_item_get_text(item, BYTES("description")),
      .pattern = bus_item_get_text(item, BYTES("pattern")),
      .schedule = bus_item_get_text(item, BYTES("schedule")),
      .disabled = bus_item_get_bool(item, BYTES("disabled")),
      .created_ms = bus_item_get_integer(item, BYTES("created"), 0),
      .changed_ms = bus_item_get_integer(item, BYTES("changed"), 0),
  };
  rule->since_ms = bus_item_get_integer(item, BYTES("since"), 0);
  rule->subscriber.name = rule->shown.name;
  struct bytes place = bus_join(arena, BYTES("arn:aws:events:"), bus->buses->region, BYTES(":"),
                                bus->buses->account);
  if (place.data == NULL) return false;
  struct bytes of_bus = bus_join(arena, place, BYTES(":rule/"), bus->name, BYTES("/"));
  if (of_bus.data == NULL) return false;
  rule->arn = bus_join(arena, of_bus, rule->shown.name, BYTES(""), BYTES(""));
  return rule->arn.data != NULL && read_targets(rule, value_attribute(item, BYTES("targets")));
}

/* ---- checking and compiling ---- */

static bool check_url(struct bytes url, struct error *error)
{
  bool is_web = bytes_starts_with(url, BYTES("https://")) ||
                bytes_starts_with(url, BYTES("http://"));
  bool printable = url.size <= BUS_URL_MAX;
  for (size_t i = 0; i < url.size && printable; i++)
    printable = url.data[i] > ' ' && url.data[i] < 0x7F;
  return (is_web && printable) ||
         error_set(error, ERROR_INVALID,
                   "address: an http or https URL of at most %d printable characters is needed",
                   BUS_URL_MAX);
}

static bool check_queue(const char *member, struct bytes name, struct error *error)
{
  return bus_name_is_valid(name, QUEUE_NAME_MAX, false) ||
         error_set(error, ERROR_INVALID, "%s: the name of a queue is needed", member);
}

static bool check_address(const struct bus_target *target, struct error *error)
{
  if (target->group.size > QUEUE_GROUP_MAX)
    return error_set(error, ERROR_INVALID, "group: at most %d bytes", QUEUE_GROUP_MAX);
  switch (target->kind) {
  case BUS_TARGET_QUEUE:
    return check_queue("address", target->address, error);
  case BUS_TARGET_WEBHOOK:
    return check_url(target->address, error);
  case BUS_TARGET_LOG:
    return target->address.size == 0 || error_set(error, ERROR_INVALID, "address: a log has none");
  }
  return error_set(error, ERROR_INVALID, "kind: unknown");
}

static bool check_target(const struct bus_target *target, struct error *error)
{
  if ((uint32_t)target->input > BUS_INPUT_CONSTANT)
    return error_set(error, ERROR_INVALID, "input: unknown");
  if (!bus_name_is_valid(target->id, BUS_RULE_NAME_MAX, false))
    return error_set(error, ERROR_INVALID, "id: 1 to %d letters, digits and . - _ are needed",
                     BUS_RULE_NAME_MAX);
  if (target->retries < 0 || target->retries > BUS_RETRIES_MAX)
    return error_set(error, ERROR_INVALID, "retries: 0 to %d", BUS_RETRIES_MAX);
  if (target->age_s < BUS_AGE_S_MIN || target->age_s > BUS_AGE_S_MAX)
    return error_set(error, ERROR_INVALID, "age_s: %d to %d seconds", BUS_AGE_S_MIN, BUS_AGE_S_MAX);
  if (target->dead_letter.size > 0 && !check_queue("dead_letter", target->dead_letter, error))
    return false;
  if (target->input != BUS_INPUT_TEMPLATE && target->variable_count > 0)
    return error_set(error, ERROR_INVALID, "variables: only a template has some");
  return check_address(target, error);
}

static bool compile_constant(struct bytes text, struct arena *arena, struct error *error)
{
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  if (reader == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a rule");
  if (text.size == 0 || text.size > BUS_TEMPLATE_MAX)
    return error_set(error, ERROR_INVALID, "1 to %d bytes of JSON are needed", BUS_TEMPLATE_MAX);
  json_reader_init(reader, text, arena);
  if (json_skip(reader) && json_read_end(reader)) return true;
  return error_set(error, reader->error.code == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_INVALID,
                   "%s", reader->error.message);
}

static bool compile_input(struct target *target, struct arena *arena, struct error *error)
{
  const struct bus_target *shown = target->shown;
  bool done = false;
  switch (shown->input) {
  case BUS_INPUT_EVENT:
    return shown->input_text.size == 0 ||
           error_set(error, ERROR_INVALID, "input_text: the whole event has none");
  case BUS_INPUT_PATH:
    target->path = input_path_compile(shown->input_text, arena, error);
    done = target->path != NULL;
    break;
  case BUS_INPUT_TEMPLATE:
    target->template = input_template_compile(shown->input_text, shown->variables,
                                              shown->variable_count, arena, error);
    done = target->template != NULL;
    break;
  case BUS_INPUT_CONSTANT:
    done = compile_constant(shown->input_text, arena, error);
    break;
  }
  return done || error_set(error, error->code, "input_text: %s", error->message);
}

static bool compile_target(struct rule *rule, uint32_t i, struct error *error)
{
  struct target *target = &rule->targets[i];
  struct buses *buses = rule->subscriber.bus->buses;
  *error = (struct error){.code = ERROR_INVALID};
  for (uint32_t k = 0; k < i; k++)
    if (bytes_equal(rule->shown.targets[k].id, target->shown->id))
      return error_set(error, ERROR_INVALID, "targets[%u].id: stands twice", i);
  if (check_target(target->shown, error) && compile_input(target, &rule->subscriber.arena, error)) {
    if (target->shown->kind != BUS_TARGET_WEBHOOK) return true;
    target->lane = lane_of(buses, target->shown->address);
    if (target->lane == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a rule");
    target->lane->uses++;
    return true;
  }
  return error_set(error, error->code, "targets[%u].%s", i, error->message);
}

static bool compile(struct rule *rule, struct error *error)
{
  const struct bus_rule *shown = &rule->shown;
  if (!bus_name_is_valid(shown->name, BUS_RULE_NAME_MAX, false))
    return error_set(error, ERROR_INVALID, "name: 1 to %d letters, digits and . - _ are needed",
                     BUS_RULE_NAME_MAX);
  if (shown->description.size > BUS_DESCRIPTION_MAX)
    return error_set(error, ERROR_INVALID, "description: at most %d bytes", BUS_DESCRIPTION_MAX);
  if (shown->pattern.size == 0 && shown->schedule.size == 0)
    return error_set(error, ERROR_INVALID, "pattern: a rule has one, or a schedule");
  if (shown->schedule.size > 0 && !schedule_parse(shown->schedule, &rule->schedule, error))
    return error_set(error, ERROR_INVALID, "schedule: %s", error->message);
  if (shown->target_count > BUS_TARGETS_MAX)
    return error_set(error, ERROR_INVALID, "targets: at most %d", BUS_TARGETS_MAX);
  for (uint32_t i = 0; i < shown->target_count; i++)
    if (!compile_target(rule, i, error)) return false;
  /* A disabled rule is in the set too; its matches do not count (put_match). */
  if (!subscriber_enlist(&rule->subscriber, shown->pattern, error))
    return error_set(error, error->code == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_INVALID,
                     "pattern: %s", error->message);
  return true;
}

void rule_forget(struct rule *rule)
{
  for (uint32_t i = 0; rule->targets != NULL && i < rule->shown.target_count; i++)
    if (rule->targets[i].lane != NULL) rule->targets[i].lane->uses--;
}

/* A rule of an item that is not live yet; NULL with *error. */
static struct rule *make(struct bus *bus, struct value item, struct error *error)
{
  struct buses *buses = bus->buses;
  if (!has_shape(item)) {
    error_set(error, ERROR_INVALID, "the item is none of a rule");
    return NULL;
  }
  struct rule *rule = memory_alloc_zeroed(buses->memory, sizeof *rule);
  if (rule == NULL) {
    (void)bus_no_memory(error);
    return NULL;
  }
  rule->subscriber = (struct subscriber){
      .kind = SUBSCRIBER_RULE, .number = BUS_NO_NUMBER, .turn = buses->turn, .bus = bus};
  rule->fired_ms = INT64_MIN;
  rule->next_ms = INT64_MAX;
  arena_init(&rule->subscriber.arena, buses->memory);
  bool read = read_rule(rule, item);
  if (!read) (void)bus_no_memory(error);
  if (read && compile(rule, error)) return rule;
  subscriber_free(buses, &rule->subscriber);
  return NULL;
}

void rule_set_next(struct rule *rule)
{
  struct buses *buses = rule->subscriber.bus->buses;
  rule->next_ms = INT64_MAX;
  if (rule->shown.schedule.size == 0 || rule->shown.disabled) return;
  int64_t after_ms = rule->fired_ms > rule->since_ms ? rule->fired_ms : rule->since_ms;
  rule->next_ms = schedule_next(&rule->schedule, rule->since_ms, after_ms);
  if (rule->next_ms < buses->next_fire_ms) buses->next_fire_ms = rule->next_ms;
}

/* ---- loading ---- */

bool rule_load(struct bus *bus, struct value item, struct error *error)
{
  struct rule *rule = make(bus, item, error);
  if (rule == NULL) {
    if (error->code == ERROR_NO_MEMORY) return false;
    return error_set(error, ERROR_CORRUPT, "table %s, bus %.*s, %.*s: %s", BUS_BUSES_TABLE,
                     BYTES_FORMAT(bus->name), BYTES_FORMAT(bus_item_get_text(item, BYTES("sk"))),
                     error->message);
  }
  subscriber_insert(&rule->subscriber);
  rule_set_next(rule);
  return true;
}

bool rule_load_fired(struct bus *bus, struct value item, struct error *error)
{
  (void)error;
  struct bytes sk = bus_item_get_text(item, BYTES("sk"));
  size_t prefix = sizeof "FIRED#" - 1;
  struct subscriber *subscriber = subscriber_find(bus->rules,
                                                  bytes_of(sk.data + prefix, sk.size - prefix));
  if (subscriber == NULL) return true;
  struct rule *rule = rule_of(subscriber);
  rule->fired_ms = bus_item_get_integer(item, BYTES("fired"), INT64_MIN);
  rule_set_next(rule);
  return true;
}

/* ---- changing ---- */

static void committed(void *context, uint64_t sequence)
{
  (void)sequence;
  struct rule *rule = context;
  struct bus *bus = rule->subscriber.bus;
  struct subscriber *old = subscriber_find(bus->rules, rule->subscriber.name);
  if (old != NULL) {
    rule->fired_ms = rule_of(old)->fired_ms;
    rule->invocations = rule_of(old)->invocations;
  }
  subscriber_commit(&rule->subscriber);
  rule_set_next(rule);
}

/* A schedule that stays goes on from where it began. */
static int64_t since_of(const struct rule *old, const struct bus_rule *rule, int64_t now_ms)
{
  bool stays = old != NULL && bytes_equal(old->shown.schedule, rule->schedule) &&
               (!old->shown.disabled || rule->disabled);
  return stays ? old->since_ms : now_ms;
}

static enum bus_status status_of(const struct error *error)
{
  if (error->code == ERROR_NO_MEMORY) return BUS_UNAVAILABLE;
  return error->code == ERROR_LIMIT ? BUS_LIMIT : BUS_INVALID;
}

static bool check_counts(const struct bus_rule *rule, struct error *error)
{
  if (rule->target_count > BUS_TARGETS_MAX)
    return error_set(error, ERROR_INVALID, "targets: at most %d", BUS_TARGETS_MAX);
  for (uint32_t i = 0; i < rule->target_count; i++) {
    if ((uint32_t)rule->targets[i].kind > BUS_TARGET_LOG)
      return error_set(error, ERROR_INVALID, "targets[%u].kind: unknown", i);
    if ((uint32_t)rule->targets[i].input > BUS_INPUT_CONSTANT)
      return error_set(error, ERROR_INVALID, "targets[%u].input: unknown", i);
    if (rule->targets[i].variable_count > BUS_VARIABLES_MAX)
      return error_set(error, ERROR_INVALID, "targets[%u].variables: at most %d", i,
                       BUS_VARIABLES_MAX);
  }
  return true;
}

enum bus_status bus_rule_put(struct bus *bus, struct plan *plan, const struct bus_rule *given,
                             int64_t now_ms, struct error *error)
{
  struct bus_rule rule = *given;
  if (!check_counts(&rule, error)) return BUS_INVALID;
  struct subscriber *found = subscriber_find(bus->rules, rule.name);
  const struct rule *old = found == NULL ? NULL : rule_of(found);
  if (old == NULL && bus->rule_count >= BUS_RULES_MAX) {
    error_set(error, ERROR_LIMIT, "the bus has %d rules", BUS_RULES_MAX);
    return BUS_LIMIT;
  }
  if (!bus_plan_fits(plan, 1, 1)) return BUS_PLAN_FULL;
  rule.created_ms = old == NULL ? now_ms : old->shown.created_ms;
  rule.changed_ms = now_ms;
  struct value item = write_rule(bus, &rule, since_of(old, &rule, now_ms), plan->arena, error);
  if (!value_present(item)) return status_of(error);
  if (item_size(item) > ITEM_SIZE_MAX) {
    error_set(error, ERROR_LIMIT, "the rule is larger than %d bytes", ITEM_SIZE_MAX);
    return BUS_LIMIT;
  }
  struct rule *made = make(bus, item, error);
  if (made == NULL) return status_of(error);
  subscriber_made(&made->subscriber);
  bus_plan_put(plan, bus->buses->table, item);
  plan_after(plan, committed, made);
  return BUS_OK;
}

static void removed(void *context, uint64_t sequence)
{
  (void)sequence;
  struct rule *rule = context;
  /* Another plan of this turn may have put or deleted it since. */
  if (rule->subscriber.live) subscriber_remove(&rule->subscriber);
}

enum bus_status bus_rule_delete(struct bus *bus, struct plan *plan, struct bytes name,
                                struct error *error)
{
  struct buses *buses = bus->buses;
  struct subscriber *found = subscriber_find(bus->rules, name);
  if (found == NULL) {
    error_set(error, ERROR_NOT_FOUND, "there is no rule %.*s", BYTES_FORMAT(name));
    return BUS_NOT_FOUND;
  }
  if (rule_of(found)->shown.target_count > 0) {
    error_set(error, ERROR_INVALID, "the rule %.*s has targets: take them away first",
              BYTES_FORMAT(name));
    return BUS_IN_USE;
  }
  if (!bus_plan_fits(plan, 2, 1)) return BUS_PLAN_FULL;
  struct arena *arena = plan->arena;
  struct bytes pk = bus_join(arena, BYTES(BUS_PK_BUS), bus->name, BYTES(""), BYTES(""));
  struct bytes rule = bus_join(arena, BYTES("RULE#"), name, BYTES(""), BYTES(""));
  struct bytes fired = bus_join(arena, BYTES("FIRED#"), name, BYTES(""), BYTES(""));
  if (pk.data == NULL || rule.data == NULL || fired.data == NULL) return bus_no_memory(error);
  struct value rule_key = bus_item_key_map(&buses->scratch, arena, pk, rule);
  struct value fired_key = bus_item_key_map(&buses->scratch, arena, pk, fired);
  if (!value_present(rule_key) || !value_present(fired_key)) return bus_no_memory(error);
  bus_plan_delete(plan, buses->table, rule_key);
  bus_plan_delete(plan, buses->table, fired_key);
  plan_after(plan, removed, rule_of(found));
  return BUS_OK;
}

/* ---- looking ---- */

const struct bus_rule *bus_rule_find(const struct bus *bus, struct bytes name)
{
  struct subscriber *found = subscriber_find(bus->rules, name);
  return found == NULL ? NULL : &rule_of(found)->shown;
}

const struct bus_rule *bus_rule_next(const struct bus *bus, struct bytes after)
{
  struct subscriber *next = subscriber_next(bus->rules, after);
  return next == NULL ? NULL : &rule_of(next)->shown;
}

static const struct rule *of_shown(const struct bus_rule *rule)
{
  return (const struct rule *)((const uint8_t *)rule - offsetof(struct rule, shown));
}

int64_t bus_rule_next_ms(const struct bus_rule *rule)
{
  return of_shown(rule)->next_ms;
}

uint64_t bus_rule_invocations(const struct bus_rule *rule)
{
  return of_shown(rule)->invocations;
}
