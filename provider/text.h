/*
 * Memory and text of one request.
 *
 * Everything a request needs lives in its arena until the reply is sent. A plugin that has no
 * memory cannot answer, and Terraform reports a plugin that stopped: so these stop, and no caller
 * has a second path.
 */
#ifndef TACOS_PROVIDER_TEXT_H
#define TACOS_PROVIDER_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"

/* Zeroed memory for `count` elements of `size` bytes; never NULL. */
void *text_alloc(struct arena *arena, size_t count, size_t size);

/* printf into the arena. */
struct bytes text_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same slice with a zero behind it, for libraries that want one. */
char *text_zero_ended(struct arena *arena, struct bytes text);

bool text_ends_with(struct bytes text, struct bytes suffix);

/* Whether the text is one of the words of `list`, which one space separates. */
bool text_is_word_of(struct bytes text, const char *list);

/* The start of `text` up to the first `separator`, behind which `text` moves; all of it when none
   is there. */
struct bytes text_next_part(struct bytes *text, char separator);

/* A whole decimal integer, nothing around it. */
bool text_to_integer(struct bytes text, int64_t *value);

#endif
