/*
 * A reader of Prometheus text (version 0.0.4) that knows nothing of the writer: it stops the test
 * at the first line that a scraper could refuse or misunderstand.
 */
#ifndef TACOS_UNIT_OPS_EXPOSITION_H
#define TACOS_UNIT_OPS_EXPOSITION_H

#include "base/bytes.h"

/* Every family has HELP and TYPE before its samples, names and labels are valid, nothing stands
   twice, and the buckets of a histogram grow up to its count. */
void exposition_check(struct bytes text);

/* The value of the one line with this name and labels, as written: "up{job=\"x\"}". */
bool exposition_find(struct bytes text, const char *sample, char value[64]);

#endif
