/* What the two files that read scenarios share; see scenario.h. */
#ifndef TACOS_LOAD_SCENARIO_PARTS_H
#define TACOS_LOAD_SCENARIO_PARTS_H

#include "load/scenario.h"

enum { SCENARIO_FIELD_BYTES = 160, SCENARIO_DEPTH = 12 };

/* A file that is being read, and where in it the reader is, as a path of field names. */
struct scenario_reader {
  struct json_reader json;
  struct load_file *file;
  struct arena *arena;
  uint32_t used; /* variables that a text asks for, as bits */
  size_t field_size;
  char field[SCENARIO_FIELD_BYTES]; /* "scenarios[0].steps[2]" */
};

/* The way to a field and back: `mark` is what was before. */
size_t scenario_enter(struct scenario_reader *reader, struct bytes name);
size_t scenario_enter_index(struct scenario_reader *reader, uint32_t index);
void scenario_leave(struct scenario_reader *reader, size_t mark);

/* Refuses the last token. Returns false. */
bool scenario_refuse(struct scenario_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One field of an object: a name and the function that reads its value into the target. */
struct scenario_field {
  const char *name;
  bool (*read)(struct scenario_reader *reader, void *target);
  size_t offset; /* of the part of the object's target that it fills */
};

/* Reads an object with these fields and no others; bits of `seen` are those that were there. */
bool scenario_object(struct scenario_reader *reader, const struct scenario_field *fields,
                     size_t count, void *target, uint32_t *seen);

/* Readers of plain values. */
bool scenario_read_text(struct scenario_reader *reader, void *target); /* struct bytes */
/* One of two words; whether it is the second. */
bool scenario_read_choice(struct scenario_reader *reader, const char *first, const char *second,
                          bool *is_second);
bool scenario_read_flag(struct scenario_reader *reader, void *target);    /* bool */
bool scenario_read_chance(struct scenario_reader *reader, void *target);  /* double, 0 to 1 */
bool scenario_read_count(struct scenario_reader *reader, void *target);   /* uint32_t, from 1 */
bool scenario_read_span(struct scenario_reader *reader, void *target);    /* struct load_span */
bool scenario_read_number(struct scenario_reader *reader, double *value); /* from 0 */

/* {"name": "text ${variable}"}: variables that are set. */
bool scenario_read_sets(struct scenario_reader *reader, void *target); /* struct load_sets */

/* A text with variables. */
bool scenario_template(struct scenario_reader *reader, enum template_use use, struct bytes text,
                       struct template *template);

/* scenario_step.c: an object into a struct load_step. */
bool scenario_read_step(struct scenario_reader *reader, struct load_step *step);

#endif
