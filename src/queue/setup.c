#include "queue/state.h"

#include "base/check.h"
#include "queue/message_check.h"

#include <stdlib.h>

static enum queue_status no_memory(struct error *error)
{
  error_set(error, ERROR_NO_MEMORY, "no memory; nothing was changed, retry later");
  return QUEUE_UNAVAILABLE;
}

static void plan_put(struct plan *plan, struct table *table, struct value item)
{
  struct store_action action = {.kind = ACTION_PUT, .table = table, .item = item};
  plan_add(plan, &action);
}

/* The item with the next number to give out; false without memory. */
static bool plan_numbers(struct queues *queues, struct plan *plan, uint32_t next)
{
  struct value item = numbers_record_make(next, &queues->scratch, &queues->arena);
  if (!value_present(item)) return false;
  plan_put(plan, queues->queues_table, item);
  return true;
}

/* A dead-letter queue must be there, of the same kind, and allow this source. */
static enum queue_status check_dead_letter(const struct queues *queues, struct bytes name,
                                           const struct queue_settings *settings,
                                           struct error *error)
{
  if (settings->dead_letter.size == 0) return QUEUE_OK;
  const struct queue *queue = queue_find(queues, settings->dead_letter);
  if (queue == NULL) {
    error_set(error, ERROR_NOT_FOUND, "the dead-letter queue '%.*s' does not exist",
              BYTES_FORMAT(settings->dead_letter));
    return QUEUE_REDRIVE_REFUSED;
  }
  const struct queue_settings *target = &queue->record.settings;
  bool allowed = target->allow == QUEUE_ALLOW_ALL;
  for (uint32_t i = 0; i < target->allowed_count; i++)
    allowed = allowed || bytes_equal(target->allowed[i], name);
  if (allowed && target->fifo == settings->fifo) return QUEUE_OK;
  error_set(error, ERROR_INVALID,
            allowed
                ? "the dead-letter queue of a FIFO queue must be one, that of a standard queue "
                  "must not"
                : "the redrive allow policy of the dead-letter queue does not allow this queue");
  return QUEUE_REDRIVE_REFUSED;
}

static enum queue_status check_settings(const struct queues *queues, struct bytes name,
                                        const struct queue_settings *settings, struct error *error)
{
  if (!queue_settings_check(settings, name, error)) return QUEUE_INVALID_SETTING;
  return check_dead_letter(queues, name, settings, error);
}

/* ---- create ---- */

/* The one that is there already: the same when its settings are. */
static enum queue_status same_queue(struct queues *queues, struct queue *found,
                                    const struct queue_settings *settings, struct queue **queue,
                                    struct error *error)
{
  struct value encoded = queue_settings_encode(settings, &queues->scratch, &queues->arena);
  if (!value_present(encoded)) return no_memory(error);
  if (!value_equal(encoded, found->record.encoded_settings)) {
    error_set(error, ERROR_EXISTS, "a queue named '%.*s' exists with other settings",
              BYTES_FORMAT(found->record.name));
    return QUEUE_EXISTS;
  }
  *queue = found;
  return QUEUE_OK;
}

static enum queue_status commit_new(struct queues *queues, struct queue_record *record,
                                    struct queue **queue, uint64_t *sequence, struct error *error)
{
  struct plan *plan = arena_alloc(&queues->arena, sizeof *plan);
  struct value item = queue_record_make(record, &queues->scratch, &queues->arena);
  if (plan == NULL || !value_present(item)) return no_memory(error);
  plan_init(plan, queues->store, &queues->arena);
  plan_put(plan, queues->queues_table, item);
  if (!plan_numbers(queues, plan, record->id + 1) || !queues_reserve_name(queues))
    return no_memory(error);
  struct queue *made = queues_make_queue(queues, item);
  if (made == NULL) return no_memory(error);
  enum queue_status status = queues_commit(plan, sequence, error);
  if (status != QUEUE_OK) {
    contents_free(queues, made->contents);
    queues_free_queue(queues, made);
    return status;
  }
  queues->next_number = record->id + 1;
  queues_insert(queues, made);
  *queue = made;
  return QUEUE_OK;
}

static enum queue_status create(struct queues *queues, struct queue_record *record,
                                const struct queue_tag *tags, uint32_t tag_count,
                                struct queue **queue, uint64_t *sequence, struct error *error)
{
  enum queue_status status = queue_tags_encode(tags, tag_count, &queues->scratch, &queues->arena,
                                               &record->tags);
  if (status == QUEUE_INVALID_TAG)
    error_set(error, ERROR_INVALID, "a queue has up to %d tags with keys of 1 to %d characters",
              QUEUE_TAGS_MAX, QUEUE_TAG_KEY_MAX);
  if (status != QUEUE_OK) return status == QUEUE_UNAVAILABLE ? no_memory(error) : status;
  struct queue *found = queue_find(queues, record->name);
  if (found != NULL) return same_queue(queues, found, &record->settings, queue, error);
  status = check_dead_letter(queues, record->name, &record->settings, error);
  if (status != QUEUE_OK) return status;
  if (queues->list_count == QUEUES_MAX) {
    error_set(error, ERROR_LIMIT, "there are %d queues already", QUEUES_MAX);
    return QUEUE_LIMIT;
  }
  return commit_new(queues, record, queue, sequence, error);
}

enum queue_status queue_create(struct queues *queues, struct bytes name,
                               const struct queue_settings *settings, const struct queue_tag *tags,
                               uint32_t tag_count, int64_t now_ms, struct queue **queue,
                               uint64_t *sequence, struct error *error)
{
  *sequence = store_appended(queues->store);
  if (!queue_name_is_valid(name, settings->fifo)) {
    error_set(error, ERROR_INVALID,
              "a queue's name has 1 to %d letters, digits, - and _; that of a FIFO queue, and only "
              "that, ends in .fifo",
              QUEUE_NAME_MAX);
    return QUEUE_INVALID_NAME;
  }
  if (!queue_settings_check(settings, name, error)) return QUEUE_INVALID_SETTING;
  now_ms = queues_now(queues, now_ms);
  struct queue_record record = {
      .name = name,
      .id = queues->next_number,
      .number = queues->next_number,
      .created_ms = now_ms,
      .changed_ms = now_ms,
      .settings = *settings,
  };
  enum queue_status status = create(queues, &record, tags, tag_count, queue, sequence, error);
  arena_reset(&queues->arena);
  return status;
}

/* ---- change ---- */

/* Puts the changed record, with the numbers when one was used, and takes it into memory. */
static enum queue_status commit_record(struct queue *queue, const struct queue_record *record,
                                       uint64_t *sequence, struct error *error)
{
  struct queues *queues = queue->queues;
  struct plan *plan = arena_alloc(&queues->arena, sizeof *plan);
  struct value item = queue_record_make(record, &queues->scratch, &queues->arena);
  if (plan == NULL || !value_present(item)) return no_memory(error);
  plan_init(plan, queues->store, &queues->arena);
  plan_put(plan, queues->queues_table, item);
  bool used = record->number != queue->record.number;
  if (used && !plan_numbers(queues, plan, record->number + 1)) return no_memory(error);
  struct value block = queues_copy_image(queues, item);
  if (!value_present(block)) return no_memory(error);
  enum queue_status status = queues_commit(plan, sequence, error);
  if (status != QUEUE_OK) {
    queues_free_image(queues, block);
    return status;
  }
  if (used) queues->next_number = record->number + 1;
  queues_set_image(queue, block);
  return QUEUE_OK;
}

enum queue_status queue_set(struct queue *queue, const struct queue_settings *settings,
                            int64_t now_ms, uint64_t *sequence, struct error *error)
{
  struct queues *queues = queue->queues;
  *sequence = store_appended(queues->store);
  if (settings->fifo != queue->record.settings.fifo) {
    error_set(error, ERROR_INVALID, "FifoQueue cannot be changed");
    return QUEUE_INVALID_SETTING;
  }
  enum queue_status status = check_settings(queues, queue->record.name, settings, error);
  if (status != QUEUE_OK) return status;
  struct queue_record record = queue->record;
  record.settings = *settings;
  record.changed_ms = queues_now(queues, now_ms);
  status = commit_record(queue, &record, sequence, error);
  arena_reset(&queues->arena);
  /* What waits may be due sooner now: a FIFO queue's delay, and retention. */
  if (status == QUEUE_OK) contents_schedule(queues, queue->contents);
  return status;
}

enum queue_status queue_set_tags(struct queue *queue, const struct queue_tag *tags,
                                 uint32_t tag_count, int64_t now_ms, uint64_t *sequence,
                                 struct error *error)
{
  struct queues *queues = queue->queues;
  *sequence = store_appended(queues->store);
  struct queue_record record = queue->record;
  record.changed_ms = queues_now(queues, now_ms);
  enum queue_status status = queue_tags_encode(tags, tag_count, &queues->scratch, &queues->arena,
                                               &record.tags);
  if (status == QUEUE_OK)
    status = commit_record(queue, &record, sequence, error);
  else if (status == QUEUE_INVALID_TAG)
    error_set(error, ERROR_INVALID, "a queue has up to %d tags with keys of 1 to %d characters",
              QUEUE_TAGS_MAX, QUEUE_TAG_KEY_MAX);
  else
    (void)no_memory(error);
  arena_reset(&queues->arena);
  return status;
}

enum queue_status queue_purge(struct queue *queue, uint64_t *sequence, struct error *error)
{
  struct queues *queues = queue->queues;
  *sequence = store_appended(queues->store);
  struct queue_record record = queue->record;
  record.number = queues->next_number;
  struct contents *empty = contents_make(queues, record.number, record.settings.fifo);
  if (empty == NULL) return no_memory(error);
  enum queue_status status = commit_record(queue, &record, sequence, error);
  arena_reset(&queues->arena);
  if (status != QUEUE_OK) {
    contents_free(queues, empty);
    return status;
  }
  contents_doom(queues, queue->contents);
  empty->queue = queue;
  queue->contents = empty;
  return QUEUE_OK;
}

static void forget_woken(struct queue *queue)
{
  struct queue **at = &queue->queues->woken;
  while (*at != NULL && *at != queue) at = &(*at)->next_woken;
  if (*at != NULL) *at = queue->next_woken;
}

enum queue_status queue_drop(struct queue *queue, uint64_t *sequence, struct error *error)
{
  struct queues *queues = queue->queues;
  *sequence = store_appended(queues->store);
  struct store_action action = {
      .kind = ACTION_DELETE,
      .table = queues->queues_table,
      .item = queue_record_key(queue->record.name, &queues->scratch, &queues->arena),
  };
  struct store_write_result result;
  enum store_status status = STORE_UNAVAILABLE;
  if (value_present(action.item))
    status = store_write(queues->store, &action, RETURN_NONE, &queues->arena, &result, error);
  else
    (void)no_memory(error);
  arena_reset(&queues->arena);
  if (status != STORE_OK) return QUEUE_UNAVAILABLE;
  *sequence = result.sequence;
  contents_doom(queues, queue->contents);
  queues_remove(queues, queue);
  forget_woken(queue);
  queue_wake_all(queue, QUEUE_WAKE_DROPPED);
  queues_free_queue(queues, queue);
  return QUEUE_OK;
}
