/*
 * A plan: one transaction that several rooms put together, and what each does once it is in the
 * log.
 *
 *     plan_init -> plan_add ... plan_add, plan_after ... plan_after -> plan_commit
 *                                                                        | refused: nothing
 *                                                                        happened
 *                                                                        ` done: hooks, in order
 *
 * A reservation's plan holds the tickets, the order, the outbox and the idempotency record; a
 * relay's holds the messages of several queues. Each room adds its actions, and a hook that brings
 * what it keeps in memory up to date. A hook runs past the point of no return: it cannot fail, so
 * whoever adds it has reserved the memory it needs.
 *
 * Memory: the plan is the caller's, usually in the arena; actions borrow from the arena until
 * commit. Engine thread.
 */
#ifndef TACOS_STORE_PLAN_H
#define TACOS_STORE_PLAN_H

#include "store/store.h"

enum { PLAN_HOOKS_MAX = 2 * TRANSACTION_ACTIONS_MAX };

/* sequence: wait for it before telling anybody (store_durable). */
typedef void plan_hook(void *context, uint64_t sequence);

struct plan {
  struct store *store;
  struct arena *arena;
  size_t action_count;
  size_t hook_count;
  bool overflow; /* more was added than fits: the commit is refused */
  struct store_action actions[TRANSACTION_ACTIONS_MAX];
  struct {
    plan_hook *run;
    void *context;
  } hooks[PLAN_HOOKS_MAX];
};

void plan_init(struct plan *plan, struct store *store, struct arena *arena);

/* How many more actions fit. */
static inline size_t plan_room(const struct plan *plan)
{
  return TRANSACTION_ACTIONS_MAX - plan->action_count;
}

/* The index of the action, for its reason when the plan is refused. */
size_t plan_add(struct plan *plan, const struct store_action *action);

/* Runs after a commit that was done. */
void plan_after(struct plan *plan, plan_hook *run, void *context);

/*
 * Commits all actions as one transaction; with none it does nothing and is done. As
 * store_transact_write, and STORE_VALIDATION when more was added than fits.
 */
enum store_status plan_commit(struct plan *plan, struct store_transact_result *result,
                              struct error *error);

#endif
