#include "queue/state.h"

#include "base/check.h"

/* Out of the ring and of the timers; then it may be called, wait again, or be freed. */
static void leave(struct queue_waiter *waiter)
{
  struct queue *queue = waiter->queue;
  if (queue->waiters == waiter) queue->waiters = waiter->next == waiter ? NULL : waiter->next;
  waiter->next->previous = waiter->previous;
  waiter->previous->next = waiter->next;
  waiter->next = waiter->previous = NULL;
  waiter->queue = NULL;
  timers_clear(&queue->queues->timers, &waiter->alarm.timer);
}

static void wake(struct queue_waiter *waiter, enum queue_wake_reason why)
{
  leave(waiter);
  waiter->wake(waiter->context, waiter, why);
}

void queue_wait(struct queue *queue, struct queue_waiter *waiter, int64_t until_ms)
{
  waiter->queue = queue;
  waiter->number = queue->queues->waits++;
  waiter->alarm = (struct queue_alarm){.kind = ALARM_WAITER};
  struct queue_waiter *first = queue->waiters;
  if (first == NULL) {
    waiter->next = waiter->previous = waiter;
    queue->waiters = waiter;
  } else {
    waiter->next = first;
    waiter->previous = first->previous;
    first->previous->next = waiter;
    first->previous = waiter;
  }
  queues_set_alarm(queue->queues, &waiter->alarm, until_ms);
  /* It may have come with the last message of the turn. */
  if (contents_available(queue->contents)) queue_note_ready(queue);
}

void queue_wait_cancel(struct queue_waiter *waiter)
{
  if (waiter->queue != NULL) leave(waiter);
}

void queue_waiter_timeout(struct queue_waiter *waiter)
{
  wake(waiter, QUEUE_WAKE_TIMEOUT);
}

void queue_note_ready(struct queue *queue)
{
  if (queue->woken || queue->waiters == NULL) return;
  queue->woken = true;
  queue->next_woken = queue->queues->woken;
  queue->queues->woken = queue;
}

/* Those that wait now, each once: who waits again is looked at in the next tick. */
static void wake_waiters(struct queue *queue)
{
  uint64_t end = queue->queues->waits;
  while (queue->waiters != NULL && queue->waiters->number < end &&
         contents_available(queue->contents))
    wake(queue->waiters, QUEUE_WAKE_READY);
  if (contents_available(queue->contents)) queue_note_ready(queue);
}

void queues_wake_waiters(struct queues *queues)
{
  struct queue *queue = queues->woken;
  queues->woken = NULL;
  while (queue != NULL) {
    struct queue *next = queue->next_woken;
    queue->woken = false;
    wake_waiters(queue);
    queue = next;
  }
}

void queue_wake_all(struct queue *queue, enum queue_wake_reason why)
{
  while (queue->waiters != NULL) wake(queue->waiters, why);
}
