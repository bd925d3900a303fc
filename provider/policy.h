/*
 * aws_iam_policy_document: statements of arguments become the JSON that IAM reads.
 *
 * The order of keys and of lists is that of hashicorp/aws, so that a plan against AWS shows no
 * difference that is none.
 */
#ifndef TACOS_PROVIDER_POLICY_H
#define TACOS_PROVIDER_POLICY_H

#include "provider/diagnostic.h"
#include "provider/value.h"

/* Fills json, minified_json and id of `state`, which has the arguments already. */
void policy_render(struct arena *arena, struct value *state, struct diagnostics *diagnostics);

#endif
