/*
 * A window on a file of frames: a stretch of it in memory that moves forward as frames are read.
 *
 * It holds at least the frame asked for and is as large as the largest one met (1 MiB at least), so
 * that small frames cost few reads and large ones no copy beyond the window's edge. Memory is the
 * world's; one thread. The bytes belong to the window: a sealed frame is decrypted in place.
 */
#ifndef TACOS_STORE_LOG_WINDOW_H
#define TACOS_STORE_LOG_WINDOW_H

#include "base/error.h"
#include "base/world.h"

enum {
  LOG_WINDOW_BYTES = 1 << 20,
  /* Of whoever follows a log that is being written, and reads its end anew after each commit. */
  LOG_WINDOW_TAIL_BYTES = 1 << 13,
};

struct log_window {
  uint8_t *data;
  size_t capacity;
  size_t size;    /* bytes of the file that are in it */
  uint64_t start; /* offset in the file of the first */
  size_t step;    /* bytes read at a time, at least what is asked for; 0: as many as fit */
};

/*
 * Brings `need` bytes of the file from `position` on into the window; *have says how many there
 * are, fewer only where the file ends. False with ERROR_IO or ERROR_NO_MEMORY. Bytes already in the
 * window are not read again: log_window_clear first where the file may have changed.
 */
bool log_window_fill(struct log_window *window, struct world *world, int file, const char *path,
                     uint64_t position, size_t need, size_t *have, struct error *error);

/* The bytes at `position`, which log_window_fill brought. */
static inline uint8_t *log_window_at(const struct log_window *window, uint64_t position)
{
  return window->data + (position - window->start);
}

static inline void log_window_clear(struct log_window *window)
{
  window->size = 0;
}

void log_window_free(struct log_window *window, struct world *world);

#endif
