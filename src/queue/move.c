#include "queue/state.h"

#include "base/check.h"

#include <string.h>

enum {
  MOVES_PER_SLICE = 50, /* messages of one transaction: about 100 us */
  MS_PER_S = 1000,
};

static enum queue_status no_memory(struct error *error)
{
  error_set(error, ERROR_NO_MEMORY, "no memory; nothing was changed, retry later");
  return QUEUE_UNAVAILABLE;
}

/* ---- tasks in memory ---- */

static struct task *make_task(struct queues *queues, const struct task_record *record)
{
  struct task *task = memory_alloc_zeroed(queues->memory, sizeof *task);
  if (task == NULL) return NULL;
  task->record = *record;
  task->resumed_ms = queues->now_ms;
  task->resumed_moved = record->moved;
  return task;
}

/* Newest first: ids are in order of time. */
static void insert_task(struct queues *queues, struct task *task)
{
  struct task **at = &queues->tasks;
  while (*at != NULL && id_compare(&(*at)->record.id, &task->record.id) > 0) at = &(*at)->next;
  task->next = *at;
  *at = task;
}

bool queues_load_task(struct queues *queues, const struct task_record *record)
{
  struct task *task = make_task(queues, record);
  if (task != NULL) insert_task(queues, task);
  return task != NULL;
}

void queues_free_tasks(struct queues *queues)
{
  while (queues->tasks != NULL) {
    struct task *task = queues->tasks;
    queues->tasks = task->next;
    memory_free(queues->memory, task, sizeof *task);
  }
}

static struct task *find_task(const struct queues *queues, const struct id *id)
{
  struct task *task = queues->tasks;
  while (task != NULL && id_compare(&task->record.id, id) != 0) task = task->next;
  return task;
}

/* ---- records ---- */

static bool plan_task(struct queues *queues, struct plan *plan, const struct task_record *record)
{
  struct store_action action = {
      .kind = ACTION_PUT,
      .table = queues->queues_table,
      .item = task_record_make(record, &queues->scratch, plan->arena),
  };
  if (!value_present(action.item)) return false;
  plan_add(plan, &action);
  return true;
}

static struct plan *begin_plan(struct queues *queues)
{
  struct plan *plan = arena_alloc(&queues->arena, sizeof *plan);
  if (plan != NULL) plan_init(plan, queues->store, &queues->arena);
  return plan;
}

/* Commits another status. */
static enum queue_status set_status(struct queues *queues, struct task *task,
                                    enum queue_task_status status, uint64_t *sequence,
                                    struct error *error)
{
  struct task_record record = task->record;
  record.status = status;
  struct plan *plan = begin_plan(queues);
  enum queue_status done = QUEUE_UNAVAILABLE;
  if (plan != NULL && plan_task(queues, plan, &record))
    done = queues_commit(plan, sequence, error);
  else
    (void)no_memory(error);
  if (done == QUEUE_OK) task->record = record;
  arena_reset(&queues->arena);
  return done;
}

/* ---- starting and cancelling ---- */

/* The oldest finished task of a queue that has as many as are kept; NULL: none has to go. */
static struct task *surplus_task(const struct queues *queues, uint32_t source)
{
  struct task *oldest = NULL;
  uint32_t count = 0;
  for (struct task *task = queues->tasks; task != NULL; task = task->next) {
    if (task->record.source != source) continue;
    count++;
    oldest = task;
  }
  return count >= QUEUE_MOVE_TASKS_KEPT ? oldest : NULL;
}

static void remove_task(struct queues *queues, struct task *task)
{
  struct task **at = &queues->tasks;
  while (*at != task) at = &(*at)->next;
  *at = task->next;
  memory_free(queues->memory, task, sizeof *task);
}

static enum queue_status commit_start(struct queues *queues, const struct task_record *record,
                                      uint64_t *sequence, struct error *error)
{
  struct plan *plan = begin_plan(queues);
  if (plan == NULL || !plan_task(queues, plan, record)) return no_memory(error);
  struct task *surplus = surplus_task(queues, record->source);
  if (surplus != NULL) {
    struct store_action action = {
        .kind = ACTION_DELETE,
        .table = queues->queues_table,
        .item = task_record_key(&surplus->record.id, &queues->scratch, &queues->arena),
    };
    if (!value_present(action.item)) return no_memory(error);
    plan_add(plan, &action);
  }
  struct task *task = make_task(queues, record);
  if (task == NULL) return no_memory(error);
  enum queue_status status = queues_commit(plan, sequence, error);
  if (status != QUEUE_OK) {
    memory_free(queues->memory, task, sizeof *task);
    return status;
  }
  if (surplus != NULL) remove_task(queues, surplus);
  insert_task(queues, task);
  return QUEUE_OK;
}

static enum queue_status check_start(const struct queue *source, const struct queue *destination,
                                     int32_t rate, struct error *error)
{
  const struct queues *queues = source->queues;
  if (destination == source ||
      (destination != NULL && destination->record.settings.fifo != source->record.settings.fifo)) {
    error_set(error, ERROR_INVALID, "messages are moved to another queue of the same kind");
    return QUEUE_REDRIVE_REFUSED;
  }
  for (const struct task *task = queues->tasks; task != NULL; task = task->next) {
    if (task->record.source != source->record.id || task->record.status != QUEUE_TASK_RUNNING)
      continue;
    error_set(error, ERROR_EXISTS, "messages of '%.*s' are being moved already",
              BYTES_FORMAT(source->record.name));
    return QUEUE_BUSY;
  }
  if (rate >= 0 && rate <= QUEUE_MOVE_RATE_MAX) return QUEUE_OK;
  error_set(error, ERROR_INVALID, "up to %d messages are moved in a second", QUEUE_MOVE_RATE_MAX);
  return QUEUE_INVALID_RATE;
}

enum queue_status queue_move_start(struct queue *source, struct queue *destination, int32_t rate,
                                   int64_t now_ms, struct id *task, uint64_t *sequence,
                                   struct error *error)
{
  struct queues *queues = source->queues;
  *sequence = store_appended(queues->store);
  enum queue_status status = check_start(source, destination, rate, error);
  if (status != QUEUE_OK) return status;
  now_ms = queues_now(queues, now_ms);
  (void)contents_advance(queues, source->contents, UINT64_MAX, QUEUE_ADVANCE_STEPS);
  struct task_record record = {
      .id = id_generate(&queues->ids),
      .source = source->record.id,
      .destination = destination == NULL ? 0 : destination->record.id,
      .rate = rate,
      .status = QUEUE_TASK_RUNNING,
      .to_move = source->contents->counts[PLACE_READY],
      .started_ms = now_ms,
  };
  status = commit_start(queues, &record, sequence, error);
  arena_reset(&queues->arena);
  if (status != QUEUE_OK) return status;
  *task = record.id;
  queues_set_alarm(queues, &queues->alarm, now_ms); /* the next tick goes on with it */
  return QUEUE_OK;
}

enum queue_status queue_move_cancel(struct queues *queues, const struct id *id, uint64_t *moved,
                                    uint64_t *sequence, struct error *error)
{
  *sequence = store_appended(queues->store);
  struct task *task = find_task(queues, id);
  if (task == NULL) {
    error_set(error, ERROR_NOT_FOUND, "there is no such task");
    return QUEUE_NOT_FOUND;
  }
  *moved = task->record.moved;
  if (task->record.status != QUEUE_TASK_RUNNING) {
    error_set(error, ERROR_INVALID, "the task is over");
    return QUEUE_NOT_RUNNING;
  }
  return set_status(queues, task, QUEUE_TASK_CANCELLED, sequence, error);
}

static struct bytes name_of(const struct queues *queues, uint32_t id)
{
  const struct queue *queue = queues_by_id(queues, id);
  return queue == NULL ? BYTES("") : queue->record.name;
}

uint32_t queue_move_list(const struct queue *source, struct queue_task *tasks, uint32_t max)
{
  const struct queues *queues = source->queues;
  uint32_t count = 0;
  for (const struct task *task = queues->tasks; task != NULL && count < max; task = task->next) {
    const struct task_record *record = &task->record;
    if (record->source != source->record.id) continue;
    tasks[count++] = (struct queue_task){
        .id = record->id,
        .source = source->record.name,
        .destination = name_of(queues, record->destination),
        .rate = record->rate,
        .status = record->status,
        .to_move = record->to_move,
        .moved = record->moved,
        .started_ms = record->started_ms,
    };
  }
  return count;
}

/* ---- running ---- */

/* How many messages the rate lets go now; *next_ms: when the next one may, if none may now. */
static uint64_t allowance(const struct queues *queues, const struct task *task, int64_t *next_ms)
{
  if (task->record.rate == 0) return MOVES_PER_SLICE;
  int64_t moved = (int64_t)(task->record.moved - task->resumed_moved);
  int64_t allowed = (queues->now_ms - task->resumed_ms) * task->record.rate / MS_PER_S + 1;
  int64_t due_ms = task->resumed_ms +
                   (moved * MS_PER_S + task->record.rate - 1) / task->record.rate;
  if (allowed <= moved && due_ms < *next_ms) *next_ms = due_ms;
  int64_t left = allowed - moved;
  return left < 0 ? 0 : left < MOVES_PER_SLICE ? (uint64_t)left : MOVES_PER_SLICE;
}

/* A slice of moves as it is put together. */
struct moving {
  struct queues *queues;
  struct task *task;
  struct task_record after; /* what the task's record will be */
  struct changes *changes;
};

/* Where this message goes; NULL when that is not known any more. */
static struct queue *target_of(const struct moving *moving, struct value item)
{
  const struct queues *queues = moving->queues;
  struct message_state state;
  CHECK(message_state_read(item, &state));
  uint32_t id = moving->task->record.destination;
  struct queue *target = queues_by_id(queues, id != 0 ? id : state.source);
  const struct queue *source = queues_by_id(queues, moving->task->record.source);
  if (target == NULL || target == source) return NULL;
  return target->record.settings.fifo == source->record.settings.fifo ? target : NULL;
}

/* Adds moves until `most`; *stuck: the next message has nowhere to go. */
static enum queue_status collect(struct moving *moving, const struct contents *contents,
                                 uint64_t most, bool *stuck)
{
  struct queues *queues = moving->queues;
  struct ready_walk walk;
  *stuck = false;
  for (uint32_t number = ready_walk_first(&walk, queues, contents);
       number != 0 && changes_count(moving->changes) < most; number = ready_walk_next(&walk)) {
    enum queue_status status;
    if (contents_expiry_ms(contents, node_at(queues, number)->sent_ms) <= queues->now_ms) {
      status = changes_remove(moving->changes, number, CHANGE_EXPIRED);
    } else {
      struct value item = queues_item_of(queues, number);
      struct queue *target = target_of(moving, item);
      *stuck = target == NULL;
      if (*stuck) return QUEUE_OK;
      status = changes_move(moving->changes, number, CHANGE_MOVED, item, target, queues->now_ms);
      if (status == QUEUE_OK) moving->after.moved++;
    }
    if (status == QUEUE_PLAN_FULL) return QUEUE_OK;
    if (status != QUEUE_OK) return status;
  }
  return QUEUE_OK;
}

/* One transaction of a task: moves and its new record. */
static enum queue_status run_slice(struct moving *moving, struct contents *contents, uint64_t most,
                                   struct error *error)
{
  struct queues *queues = moving->queues;
  struct plan *plan = begin_plan(queues);
  if (plan == NULL) return no_memory(error);
  moving->changes = changes_begin(queues, plan, MOVES_PER_SLICE);
  if (moving->changes == NULL) return no_memory(error);
  (void)contents_advance(queues, contents, most, QUEUE_ADVANCE_STEPS);
  bool stuck;
  enum queue_status status = collect(moving, contents, most, &stuck);
  if (status != QUEUE_OK) return no_memory(error);
  if (changes_count(moving->changes) == 0)
    moving->after.status = stuck ? QUEUE_TASK_FAILED : QUEUE_TASK_COMPLETED;
  if (!plan_task(queues, plan, &moving->after)) return no_memory(error);
  uint64_t sequence;
  status = queues_commit(plan, &sequence, error);
  if (status == QUEUE_OK) moving->task->record = moving->after;
  return status;
}

static bool run_task(struct queues *queues, struct task *task, int64_t *next_ms,
                     struct error *error)
{
  struct queue *source = queues_by_id(queues, task->record.source);
  uint64_t sequence;
  if (source == NULL) /* dropped: there is nothing to move */
    return set_status(queues, task, QUEUE_TASK_COMPLETED, &sequence, error) == QUEUE_OK;
  uint64_t most = allowance(queues, task, next_ms);
  if (most == 0) return true;
  struct moving moving = {.queues = queues, .task = task, .after = task->record};
  enum queue_status status = run_slice(&moving, source->contents, most, error);
  arena_reset(&queues->arena);
  if (task->record.status == QUEUE_TASK_RUNNING && task->record.rate == 0)
    *next_ms = queues->now_ms;
  else if (task->record.status == QUEUE_TASK_RUNNING)
    (void)allowance(queues, task, next_ms);
  return status == QUEUE_OK;
}

bool queues_run_tasks(struct queues *queues, int64_t *next_ms, struct error *error)
{
  *next_ms = INT64_MAX;
  for (struct task *task = queues->tasks; task != NULL; task = task->next)
    if (task->record.status == QUEUE_TASK_RUNNING && !run_task(queues, task, next_ms, error))
      return false;
  return true;
}
