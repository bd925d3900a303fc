/*
 * Shared by the rules_*.c files: one resource's arguments while they are checked.
 */
#ifndef TACOS_PROVIDER_RULES_CHECK_H
#define TACOS_PROVIDER_RULES_CHECK_H

#include "provider/diagnostic.h"
#include "provider/value.h"

struct check {
  struct arena *arena;
  struct bytes type;
  const struct value *config;
  struct diagnostics *diagnostics;
};

/* Adds an error "<type>.<path>: <detail>", whose summary names the rule. */
void check_refuse(struct check *check, const struct path *path, const char *rule,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Calls `visit` for each value that a path of attribute names ("rule.statement") leads to, through
 * every element of lists on the way. Nulls and unknowns are left out.
 */
typedef void check_visit(struct check *check, const struct value *value, const struct path *path,
                         const void *context);
void check_each(struct check *check, const char *names, check_visit *visit, const void *context);

/* Number of an argument, when it is known. */
bool check_integer(const struct value *object, const char *name, int64_t *number);

/* Whether a block or argument of that name is there, known or not. */
bool check_is_given(const struct value *object, const char *name);

/* The rules by topic; each looks at the type itself. */
void rules_check_limits(struct check *check);   /* rules_limits.c: enumerations and ranges */
void rules_check_policies(struct check *check); /* rules_policy.c */
void rules_check_network(struct check *check);  /* rules_network.c */
void rules_check_table(struct check *check);    /* rules_table.c: DynamoDB */
void rules_check_queue(struct check *check);    /* rules_queue.c */
void rules_check_web_acl(struct check *check);  /* rules_web_acl.c */

#endif
