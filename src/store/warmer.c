#include "store/warmer.h"

#include "base/memory.h"
#include "base/thread.h"

static void *run(void *context)
{
  struct warmer *warmer = context;
  pthread_mutex_lock(&warmer->lock);
  while (!warmer->stop) {
    if (warmer->region == NULL) {
      pthread_cond_wait(&warmer->work, &warmer->lock);
      continue;
    }
    void *region = warmer->region;
    size_t size = warmer->size;
    int owner_cpu = warmer->owner_cpu;
    warmer->region = NULL;
    pthread_mutex_unlock(&warmer->lock);
    thread_leave_cpu(owner_cpu);
    memory_populate(region, size);
    pthread_mutex_lock(&warmer->lock);
  }
  pthread_mutex_unlock(&warmer->lock);
  return NULL;
}

bool warmer_start(struct warmer *warmer)
{
  *warmer = (struct warmer){0};
  pthread_mutex_init(&warmer->lock, NULL);
  pthread_cond_init(&warmer->work, NULL);
  warmer->running = pthread_create(&warmer->thread, NULL, run, warmer) == 0;
  return warmer->running;
}

void warmer_stop(struct warmer *warmer)
{
  if (!warmer->running) return;
  pthread_mutex_lock(&warmer->lock);
  warmer->stop = true;
  pthread_cond_signal(&warmer->work);
  pthread_mutex_unlock(&warmer->lock);
  pthread_join(warmer->thread, NULL);
  pthread_cond_destroy(&warmer->work);
  pthread_mutex_destroy(&warmer->lock);
  warmer->running = false;
}

void warmer_warm(void *context, void *region, size_t size)
{
  struct warmer *warmer = context;
  if (!warmer->running) return;
  pthread_mutex_lock(&warmer->lock);
  warmer->region = region;
  warmer->size = size;
  warmer->owner_cpu = thread_cpu();
  pthread_cond_signal(&warmer->work);
  pthread_mutex_unlock(&warmer->lock);
}
