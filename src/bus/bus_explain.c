#include "base/json.h"
#include "bus/bus_state.h"

static const struct {
  const char *kind;
  const char *input;
} KINDS[] = {
    [BUS_TARGET_QUEUE] = {"queue", ""},
    [BUS_TARGET_WEBHOOK] = {"webhook", ""},
    [BUS_TARGET_LOG] = {"log", ""},
};

static void write_text(struct json_writer *writer, struct bytes name, struct bytes text)
{
  json_write_key(writer, name);
  json_write_string(writer, text);
}

static bool explain_target(const struct put *put, const struct rule *rule,
                           const struct target *target, struct json_writer *writer)
{
  struct bytes input;
  enum bus_status status = target_input(put, rule, target, &put->buses->arena, &input);
  if (status == BUS_UNAVAILABLE) return false;
  json_write_object_begin(writer);
  write_text(writer, BYTES("id"), target->shown->id);
  write_text(writer, BYTES("kind"), bytes_of_text(KINDS[target->shown->kind].kind));
  write_text(writer, BYTES("to"), target->shown->address);
  if (status == BUS_OK)
    write_text(writer, BYTES("input"), input);
  else
    write_text(writer, BYTES("error"), BYTES("what the input makes of the event is too large"));
  if (target->shown->kind == BUS_TARGET_QUEUE &&
      queue_find(put->buses->queues, target->shown->address) == NULL)
    write_text(writer, BYTES("error"), BYTES("the queue is not there"));
  json_write_object_end(writer);
  return true;
}

/* Why a rule does not match; empty when it does. */
static enum bus_status reason_of(const struct put *put, const struct rule *rule, struct buffer *why,
                                 struct error *error)
{
  buffer_clear(why);
  if (rule->shown.pattern.size == 0) {
    buffer_append(why, BYTES("the rule has a schedule and no pattern"));
    return why->failed ? bus_no_memory(error) : BUS_OK;
  }
  enum pattern_answer answer = pattern_explain(rule->shown.pattern, put->envelope,
                                               &put->buses->arena, why);
  if (why->size > 0 && why->data[why->size - 1] == '\n') why->size--;
  if (answer == PATTERN_MATCH && rule->shown.disabled)
    buffer_append(why, BYTES("the rule is disabled"));
  if (answer == PATTERN_NO_MEMORY || why->failed) return bus_no_memory(error);
  if (answer != PATTERN_INVALID_EVENT) return BUS_OK;
  error_set(error, ERROR_INVALID, "the event: %.*s", BYTES_FORMAT(buffer_bytes(why)));
  return BUS_INVALID;
}

static enum bus_status explain_rule(const struct put *put, const struct rule *rule,
                                    struct json_writer *writer, struct buffer *why,
                                    struct error *error)
{
  enum bus_status status = reason_of(put, rule, why, error);
  if (status != BUS_OK) return status;
  json_write_object_begin(writer);
  write_text(writer, BYTES("rule"), rule->shown.name);
  json_write_key(writer, BYTES("matches"));
  json_write_bool(writer, why->size == 0);
  if (why->size > 0) {
    write_text(writer, BYTES("reason"), buffer_bytes(why));
  } else {
    json_write_key(writer, BYTES("targets"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < rule->shown.target_count; i++)
      if (!explain_target(put, rule, &rule->targets[i], writer)) return bus_no_memory(error);
    json_write_array_end(writer);
  }
  json_write_object_end(writer);
  return BUS_OK;
}

enum bus_status bus_explain(struct bus *bus, struct bytes envelope, struct buffer *json,
                            int64_t now_ms, struct error *error)
{
  struct buses *buses = bus->buses;
  struct json_writer writer;
  struct buffer why;
  const struct put put = {
      .buses = buses, .bus = bus, .envelope = envelope, .now_ms = now_ms, .ingested_ms = now_ms};
  enum bus_status status = BUS_OK;
  buffer_init(&why, buses->memory);
  json_writer_init(&writer, json);
  json_write_array_begin(&writer);
  for (struct subscriber *rule = bus->rules; rule != NULL && status == BUS_OK; rule = rule->next) {
    arena_reset(&buses->arena);
    status = explain_rule(&put, rule_of(rule), &writer, &why, error);
  }
  arena_reset(&buses->arena);
  buffer_free(&why);
  if (status != BUS_OK) return status;
  json_write_array_end(&writer);
  return json_writer_finish(&writer) ? BUS_OK : bus_no_memory(error);
}
