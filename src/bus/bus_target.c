#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "bus/bus_state.h"

#include <stdio.h>

enum { DIGEST_TEXT = 2 * HASH_SHA256_BYTES };

enum bus_status target_input(const struct put *put, const struct rule *rule,
                             const struct target *target, struct arena *arena, struct bytes *input)
{
  const struct input_event event = {.envelope = put->envelope,
                                    .rule_name = rule->shown.name,
                                    .rule_arn = rule->arn,
                                    .ingested_ms = put->ingested_ms};
  switch (target->shown->input) {
  case BUS_INPUT_EVENT:
    *input = put->envelope;
    return BUS_OK;
  case BUS_INPUT_CONSTANT:
    *input = target->shown->input_text;
    return BUS_OK;
  case BUS_INPUT_PATH:
    *input = input_path_find(target->path, put->envelope, arena);
    if (input_failed(*input)) return BUS_UNAVAILABLE;
    if (!input_found(*input)) *input = BYTES("null");
    break;
  case BUS_INPUT_TEMPLATE:
    *input = input_template_fill(target->template, &event, arena);
    if (input->data == NULL) return BUS_UNAVAILABLE;
    break;
  }
  return input->size > BUS_INPUT_BYTES_MAX ? BUS_LIMIT : BUS_OK;
}

/* ---- queues ---- */

/*
 * For FIFO queues: the same event of the same rule and target is one message, but in a replay it is
 * another one.
 */
static void make_deduplication(const struct put *put, struct bytes rule_arn, struct bytes target,
                               char text[DIGEST_TEXT])
{
  const struct bytes parts[] = {rule_arn, target, put->head.id, put->replay};
  uint8_t digests[4][HASH_SHA256_BYTES];
  uint8_t whole[HASH_SHA256_BYTES];
  for (size_t i = 0; i < 4; i++) hash_sha256(parts[i], digests[i]);
  hash_sha256(bytes_of(digests, sizeof digests), whole);
  encode_to_hex(bytes_of(whole, sizeof whole), text);
}

/* What the service takes a target's dead-letter queue for. */
static enum bus_status undeliverable(struct put *put, struct rule *rule,
                                     const struct target *target, const char *code,
                                     const char *message)
{
  struct effect *effect;
  const struct dead_letter letter = {
      .queue = target->shown->dead_letter,
      .envelope = put->envelope,
      .rule_arn = rule->arn,
      .target = target->shown->id,
      .code = bytes_of_text(code),
      .message = bytes_of_text(message),
  };
  enum bus_status status = put_dead_letter(put->buses, put->plan, &letter, put->now_ms);
  if (status == BUS_OK) {
    effect = put_effect(put, EFFECT_DEAD_LETTERED, rule, target);
  } else if (status == BUS_NOT_FOUND) {
    effect = put_effect(put, EFFECT_DROPPED, rule, target);
    if (effect != NULL) effect->text = letter.message;
  } else {
    return status;
  }
  return effect == NULL ? BUS_UNAVAILABLE : BUS_OK;
}

static enum bus_status put_message(struct put *put, struct rule *rule, const struct target *target,
                                   struct bytes input)
{
  char deduplication[DIGEST_TEXT];
  struct queue_sent sent;
  struct queue_draft draft = {.body = input, .delay_s = -1, .group = target->shown->group};
  struct queue *queue = queue_find(put->buses->queues, target->shown->address);
  if (queue == NULL) return undeliverable(put, rule, target, "NO_QUEUE", "the queue is not there");
  if (queue_settings(queue)->fifo) {
    make_deduplication(put, rule->arn, target->shown->id, deduplication);
    draft.deduplication = bytes_of(deduplication, sizeof deduplication);
  }
  enum queue_status status = queue_send(queue, put->plan, &draft, put->now_ms, &sent);
  switch (status) {
  case QUEUE_OK:
    return put_effect(put, EFFECT_QUEUED, rule, target) == NULL ? BUS_UNAVAILABLE : BUS_OK;
  case QUEUE_PLAN_FULL:
    return BUS_PLAN_FULL;
  case QUEUE_UNAVAILABLE:
    return BUS_UNAVAILABLE;
  default:
    return undeliverable(put, rule, target, queue_status_name(status),
                         "the queue does not take this message");
  }
}

enum bus_status put_dead_letter(struct buses *buses, struct plan *plan,
                                const struct dead_letter *letter, int64_t now_ms)
{
  char attempts[16];
  char deduplication[DIGEST_TEXT];
  struct queue_sent sent;
  struct queue *queue = letter->queue.size == 0 ? NULL : queue_find(buses->queues, letter->queue);
  if (queue == NULL) return BUS_NOT_FOUND;
  int size = snprintf(attempts, sizeof attempts, "%u", letter->attempts);
  const struct bytes text = BYTES("String");
  const struct queue_attribute attributes[] = {
      {BYTES("RULE_ARN"), text, letter->rule_arn},
      {BYTES("TARGET"), text, letter->target},
      {BYTES("ERROR_CODE"), text, letter->code},
      {BYTES("ERROR_MESSAGE"), text, letter->message},
      {BYTES("RETRY_ATTEMPTS"), BYTES("Number"), bytes_of(attempts, (size_t)size)},
  };
  struct queue_draft draft = {.body = letter->envelope,
                              .attributes = attributes,
                              .attribute_count = sizeof attributes / sizeof attributes[0],
                              .delay_s = -1};
  if (queue_settings(queue)->fifo) {
    uint8_t digests[3][HASH_SHA256_BYTES], whole[HASH_SHA256_BYTES];
    hash_sha256(letter->envelope, digests[0]);
    hash_sha256(letter->rule_arn, digests[1]);
    hash_sha256(letter->target, digests[2]);
    hash_sha256(bytes_of(digests, sizeof digests), whole);
    encode_to_hex(bytes_of(whole, sizeof whole), deduplication);
    draft.deduplication = bytes_of(deduplication, sizeof deduplication);
    draft.group = BYTES("undelivered");
  }
  switch (queue_send(queue, plan, &draft, now_ms, &sent)) {
  case QUEUE_OK:
    return BUS_OK;
  case QUEUE_PLAN_FULL:
    return BUS_PLAN_FULL;
  case QUEUE_UNAVAILABLE:
    return BUS_UNAVAILABLE;
  default:
    return BUS_NOT_FOUND;
  }
}

/* ---- any target ---- */

enum bus_status put_target(struct put *put, struct rule *rule, const struct target *target)
{
  struct bytes input;
  struct effect *effect;
  enum bus_status status = target_input(put, rule, target, put->plan->arena, &input);
  if (status == BUS_LIMIT)
    return undeliverable(put, rule, target, "INPUT_TOO_LARGE",
                         "what the input makes of the event is too large");
  if (status != BUS_OK) return status;
  switch (target->shown->kind) {
  case BUS_TARGET_QUEUE:
    return put_message(put, rule, target, input);
  case BUS_TARGET_WEBHOOK:
    status = delivery_add(put, rule, target, input);
    if (status != BUS_OK) return status;
    return put_effect(put, EFFECT_PENDING, rule, target) == NULL ? BUS_UNAVAILABLE : BUS_OK;
  case BUS_TARGET_LOG:
    effect = put_effect(put, EFFECT_LOGGED, rule, target);
    if (effect == NULL) return BUS_UNAVAILABLE;
    effect->text = input;
    return BUS_OK;
  }
  CHECK(false); /* every kind is above */
}
