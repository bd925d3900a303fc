#include "store/plan.h"

void plan_init(struct plan *plan, struct store *store, struct arena *arena)
{
  plan->store = store;
  plan->arena = arena;
  plan->action_count = 0;
  plan->hook_count = 0;
  plan->overflow = false;
}

size_t plan_add(struct plan *plan, const struct store_action *action)
{
  if (plan->action_count == TRANSACTION_ACTIONS_MAX) {
    plan->overflow = true;
    return TRANSACTION_ACTIONS_MAX;
  }
  plan->actions[plan->action_count] = *action;
  return plan->action_count++;
}

void plan_after(struct plan *plan, plan_hook *run, void *context)
{
  if (plan->hook_count == PLAN_HOOKS_MAX) {
    plan->overflow = true;
    return;
  }
  plan->hooks[plan->hook_count].run = run;
  plan->hooks[plan->hook_count].context = context;
  plan->hook_count++;
}

enum store_status plan_commit(struct plan *plan, struct store_transact_result *result,
                              struct error *error)
{
  if (plan->overflow) {
    error_set(error, ERROR_LIMIT, "a transaction has at most %d actions", TRANSACTION_ACTIONS_MAX);
    return STORE_VALIDATION;
  }
  *result = (struct store_transact_result){.sequence = store_appended(plan->store)};
  if (plan->action_count > 0) {
    const struct store_token none = {0};
    enum store_status status = store_transact_write(plan->store, plan->actions, plan->action_count,
                                                    none, plan->arena, result, error);
    if (status != STORE_OK) return status;
  }
  /* Past this line nothing can fail. */
  for (size_t i = 0; i < plan->hook_count; i++)
    plan->hooks[i].run(plan->hooks[i].context, result->sequence);
  return STORE_OK;
}
