#include "base/thread.h"

#include <sched.h>
#include <unistd.h>

int thread_cpu(void)
{
  return sched_getcpu();
}

void thread_leave_cpu(int cpu)
{
  cpu_set_t allowed;
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getcpu() != cpu) return;
  /* What the main thread may use: this one may have left a CPU before. */
  if (sched_getaffinity(getpid(), sizeof allowed, &allowed) != 0) return;
  CPU_CLR((size_t)cpu, &allowed);
  if (CPU_COUNT(&allowed) > 0) (void)sched_setaffinity(0, sizeof allowed, &allowed);
}
