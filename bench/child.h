/*
 * Programs that a benchmark starts beside itself: servers and load generators, each bound to cores.
 *
 * They get a signal when the thread that started them ends, however it ends: nothing is left
 * running by a benchmark that failed. What goes wrong here is a CHECK: there is nothing to measure.
 */
#ifndef TACOS_BENCH_CHILD_H
#define TACOS_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  CHILD_CORE_SERVER = 1U << 0, /* sets of cores, as bits */
  CHILD_CORE_LOAD = 1U << 1,
};

struct child {
  pid_t pid;  /* 0: not running */
  int output; /* its standard output */
};

/* Binds the calling thread to a set of cores. */
void child_bind_self(uint32_t cores);

/* Starts a program, found as by a shell; arguments end with NULL. */
void child_start(struct child *child, uint32_t cores, char *const arguments[]);

/* Reads its output up to a line's end (line) or to its end; text gets a zero. */
void child_read(struct child *child, bool line, char *text, size_t size);

/* Waits for its end; its exit status, or 128 and more when a signal ended it. */
int child_wait(struct child *child);

/* Asks it to end by SIGTERM, insists by SIGKILL after five seconds. Nothing when not running. */
void child_stop(struct child *child);

/* Starts a program, waits and CHECKs that it succeeded. */
void child_run(uint32_t cores, char *const arguments[], char *text, size_t size);

/* What all threads of a process have used of processors, in user and kernel mode. */
int64_t process_cpu_ns(pid_t pid);

/* Its resident memory. */
int64_t process_resident_bytes(pid_t pid);

/* The one process that it started. */
pid_t process_child_of(pid_t pid);

/* A port of 127.0.0.1 that is free at this moment. */
uint16_t process_free_port(void);

#endif
