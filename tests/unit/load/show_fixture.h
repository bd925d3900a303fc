/*
 * A finished run's figures, made up, for tests of what is shown of them. Freed by
 * show_fixture_end.
 */
#ifndef TACOS_TESTS_UNIT_LOAD_SHOW_FIXTURE_H
#define TACOS_TESTS_UNIT_LOAD_SHOW_FIXTURE_H

#include "load/show.h"

struct show_fixture {
  struct memory memory;
  struct load_file file;
  struct buyers buyers;
  struct load_options options;
  struct load load;
  struct threshold thresholds[2];
  struct reconciliation reconciliation;
  struct show show;
  struct buffer text;
};

void show_fixture_begin(struct show_fixture *fixture);
void show_fixture_end(struct show_fixture *fixture);

/* Whether the text has this. */
bool show_fixture_has(const struct show_fixture *fixture, const char *text);

#endif
