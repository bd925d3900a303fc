/*
 * Where a background thread runs.
 *
 * A woken thread stays on the CPU where it last ran unless the kernel finds an idle one that shares
 * a cache with it. On machines whose CPUs share none (many virtual ones) a helper that once ran
 * beside its busy owner then waits for it each time, while another CPU is idle. So helpers move out
 * of the way themselves.
 */
#ifndef TACOS_BASE_THREAD_H
#define TACOS_BASE_THREAD_H

/* The CPU the calling thread runs on. */
int thread_cpu(void);

/*
 * Moves the calling thread to another CPU if it is on `cpu` and the process may use another; it
 * stays off `cpu` until it is told to leave a different one. Does nothing else, and cannot fail.
 */
void thread_leave_cpu(int cpu);

#endif
