/*
 * What AWS would fill in: ids, ARNs, names, endpoints, states.
 *
 * computed_table.c has a pattern for each attribute that is worth one; the rest follow from their
 * name and type. Everything is a function of the type, the arguments and, where two resources have
 * the same, of how many there are already: the same rehearsal gives the same ids every time.
 *
 * Patterns: text with {...} in it.
 *   {A} {P} {R} {N}  "arn:aws:", the partition, the region, the account
 *   {kind}           the type's name without "aws_"
 *   {hex17} {num12} {up14}   so many hexadecimal digits, digits, capitals and digits
 *   {uuid}           a UUID
 *   {name}           the attribute of that name; a computed one is computed first
 *   {.name}          the one beside it in the same block, without a wildcard's "*."
 *   {tail:arn}       what follows the last '/' or ':' of an attribute
 *   {bare:url}       what follows "://"
 *   {waf:scope}      "global" for CLOUDFRONT, else "regional"
 *   {path}           IAM's path, "/" when none is given
 * Braces around anything else stay. A list takes its elements from between '|'. A path leads
 * through blocks; elements have no step.
 */
#ifndef TACOS_PROVIDER_COMPUTED_H
#define TACOS_PROVIDER_COMPUTED_H

#include "provider/provider.h"

struct computed_pattern {
  const char *type; /* "*": any */
  const char *path; /* attribute names joined with '.'; elements have no step */
  const char *pattern;
};

/* computed_table.c: in the order of type and path; those of "*" first. */
extern const struct computed_pattern COMPUTED_PATTERNS[];
extern const size_t COMPUTED_PATTERN_COUNT;

/* The pattern of exactly this type and path; NULL when there is none. */
const char *computed_find(struct bytes type, struct bytes path);

/*
 * Replaces every unknown of `resource` (which is changed) by what AWS would say. False when the
 * resource would have the id of another one and may not, with a diagnostic.
 */
bool computed_fill(struct provider *provider, struct arena *arena, struct bytes type,
                   const struct type *block, struct value *resource,
                   struct diagnostics *diagnostics);

/*
 * The start of the id that the resource will have, where a plan can know it and other resources
 * are checked against it: of VPCs and security groups. Empty otherwise.
 */
struct bytes computed_id_prefix(struct arena *arena, struct bytes type,
                                const struct value *planned);

/* The same patterns for a data source: fills nulls of computed attributes too. */
void computed_fill_data(struct provider *provider, struct arena *arena, struct bytes type,
                        const struct type *block, struct value *state);

#endif
