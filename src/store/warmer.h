/*
 * A thread that makes memory resident ahead of its use, so that the engine thread does not wait
 * while the kernel clears pages.
 *
 * It only touches pages (memory_populate): whoever uses them meanwhile notices nothing. One request
 * waits at most; a newer one replaces it.
 */
#ifndef TACOS_STORE_WARMER_H
#define TACOS_STORE_WARMER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct warmer {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t work;
  void *region; /* to be warmed, or NULL */
  size_t size;
  int owner_cpu; /* where the request came from */
  bool stop;
  bool running;
};

/* False when no thread could be started; then the other calls do nothing. */
bool warmer_start(struct warmer *warmer);

/* Waits for the thread: after this no region is touched any more. */
void warmer_stop(struct warmer *warmer);

/* A heap_warm function; the context is the warmer. */
void warmer_warm(void *context, void *region, size_t size);

#endif
