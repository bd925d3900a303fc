#include "shield/password_pool.h"

#include "base/check.h"
#include "base/thread.h"

#include <pthread.h>
#include <sys/resource.h>

struct job {
  struct job *next;
  bool verifies;
  bool known; /* there is a string to verify against, and the password may be right */
  uint32_t password_size;
  uint8_t password[PASSWORD_BYTES_MAX];
  uint8_t salt[PASSWORD_SALT_BYTES]; /* of a new hash */
  char stored[PASSWORD_TEXT_BYTES];
  enum password_outcome outcome;
  bool has_text;
  char text[PASSWORD_TEXT_BYTES];
  password_done *done;
  void *context;
};

struct job_list {
  struct job *first;
  struct job **end;
};

struct worker {
  pthread_t thread;
  struct password_pool *pool;
  struct memory memory; /* asked for permission to hash */
};

struct password_pool {
  struct password_pool_options options;
  struct world *world;
  uint32_t running; /* threads that were started */
  uint32_t jobs;    /* not called back yet */
  bool closing;
  struct job *all;
  struct job *free;
  struct worker workers[PASSWORD_THREADS_MAX];
  struct worker here; /* who works without threads */

  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t work;
  struct job_list queued;
  struct job_list finished;
  bool stop;
  int engine_cpu;
};

/* ---- lists, first in first out ---- */

static void list_init(struct job_list *list)
{
  list->first = NULL;
  list->end = &list->first;
}

static void list_push(struct job_list *list, struct job *job)
{
  job->next = NULL;
  *list->end = job;
  list->end = &job->next;
}

static struct job *list_pop(struct job_list *list)
{
  struct job *job = list->first;
  if (job == NULL) return NULL;
  list->first = job->next;
  if (list->first == NULL) list->end = &list->first;
  return job;
}

/* ---- work ---- */

static void hash(struct worker *worker, struct job *job)
{
  struct bytes password = bytes_of(job->password, job->password_size);
  job->has_text = password_hash(&worker->memory, &worker->pool->options.cost, password, job->salt,
                                job->text);
}

/* The cost of one hash, whether there is such an account or not. */
static void run_unknown(struct worker *worker, struct job *job)
{
  hash(worker, job);
  job->outcome = job->has_text ? PASSWORD_DIFFERS : PASSWORD_FAILED;
  job->has_text = false;
}

static void run_verify(struct worker *worker, struct job *job)
{
  struct bytes password = bytes_of(job->password, job->password_size);
  struct bytes stored = bytes_of_text(job->stored);
  switch (password_verify(&worker->memory, password, stored)) {
  case PASSWORD_VERDICT_MATCHES:
    job->outcome = PASSWORD_MATCHES;
    /* Without memory for a better one the old one stays. */
    if (password_is_weaker(stored, &worker->pool->options.cost)) hash(worker, job);
    break;
  case PASSWORD_VERDICT_DIFFERS:
    job->outcome = PASSWORD_DIFFERS;
    break;
  case PASSWORD_VERDICT_UNREADABLE:
    run_unknown(worker, job);
    break;
  case PASSWORD_VERDICT_NO_MEMORY:
    job->outcome = PASSWORD_FAILED;
    break;
  }
}

static void run_job(struct worker *worker, struct job *job)
{
  job->has_text = false;
  if (!job->verifies) {
    hash(worker, job);
    job->outcome = job->has_text ? PASSWORD_HASHED : PASSWORD_FAILED;
  } else if (job->known) {
    run_verify(worker, job);
  } else {
    run_unknown(worker, job);
  }
  explicit_bzero(job->password, sizeof job->password);
}

static void *work(void *context)
{
  struct worker *worker = context;
  struct password_pool *pool = worker->pool;
  /* Of this thread alone (setpriority(2), "C library/kernel differences"); only advice. */
  (void)setpriority(PRIO_PROCESS, 0, PASSWORD_NICE);
  pthread_mutex_lock(&pool->lock);
  while (!pool->stop) {
    struct job *job = list_pop(&pool->queued);
    if (job == NULL) {
      pthread_cond_wait(&pool->work, &pool->lock);
      continue;
    }
    int engine_cpu = pool->engine_cpu;
    pthread_mutex_unlock(&pool->lock);
    thread_leave_cpu(engine_cpu);
    run_job(worker, job);
    pthread_mutex_lock(&pool->lock);
    list_push(&pool->finished, job);
    pthread_mutex_unlock(&pool->lock);
    if (pool->options.wake != NULL) pool->options.wake(pool->options.wake_context);
    pthread_mutex_lock(&pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

/* ---- life ---- */

static bool start_workers(struct password_pool *pool)
{
  for (uint32_t i = 0; i < pool->options.threads; i++) {
    struct worker *worker = &pool->workers[i];
    worker->pool = pool;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) return false;
    pool->running++;
  }
  return true;
}

struct password_pool *password_pool_open(struct world *world,
                                         const struct password_pool_options *options,
                                         struct error *error)
{
  CHECK_THAT(options->threads, <=, PASSWORD_THREADS_MAX);
  CHECK_THAT(options->jobs, >, 0);
  struct password_pool *pool = memory_alloc_zeroed(&world->memory, sizeof *pool);
  if (pool != NULL)
    pool->all = memory_alloc_zeroed(&world->memory, options->jobs * sizeof *pool->all);
  if (pool == NULL || pool->all == NULL) {
    memory_free(&world->memory, pool, pool == NULL ? 0 : sizeof *pool);
    error_set(error, ERROR_NO_MEMORY, "no memory for the hashing of passwords");
    return NULL;
  }
  pool->options = *options;
  pool->world = world;
  pool->here.pool = pool;
  for (uint32_t i = 0; i < options->jobs; i++) {
    pool->all[i].next = pool->free;
    pool->free = &pool->all[i];
  }
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  list_init(&pool->queued);
  list_init(&pool->finished);
  if (start_workers(pool)) return pool;
  error_set(error, ERROR_IO, "cannot start a thread to hash passwords");
  password_pool_close(pool);
  return NULL;
}

/* Gives the job's place back first: its callback may ask for the next one. */
static void call_back(struct password_pool *pool, struct job *job, enum password_outcome outcome)
{
  char text[PASSWORD_TEXT_BYTES];
  bool has_text = job->has_text && outcome != PASSWORD_STOPPED;
  password_done *done = job->done;
  void *context = job->context;
  if (has_text) memcpy(text, job->text, sizeof text);
  explicit_bzero(job, sizeof *job);
  job->next = pool->free;
  pool->free = job;
  pool->jobs--;
  done(context, outcome, has_text ? text : NULL);
  explicit_bzero(text, sizeof text);
}

void password_pool_close(struct password_pool *pool)
{
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->lock);
  pool->stop = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (uint32_t i = 0; i < pool->running; i++) pthread_join(pool->workers[i].thread, NULL);
  pool->closing = true;
  struct job *job;
  while ((job = list_pop(&pool->finished)) != NULL) call_back(pool, job, job->outcome);
  while ((job = list_pop(&pool->queued)) != NULL) call_back(pool, job, PASSWORD_STOPPED);
  CHECK_THAT(pool->jobs, ==, 0);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  struct memory *memory = &pool->world->memory;
  memory_free(memory, pool->all, pool->options.jobs * sizeof *pool->all);
  memory_free(memory, pool, sizeof *pool);
}

/* ---- asking and collecting ---- */

/* NULL when it is busy. */
static struct job *take_job(struct password_pool *pool, struct bytes password, password_done *done,
                            void *context)
{
  struct job *job = pool->free;
  if (job == NULL || pool->closing) return NULL;
  pool->free = job->next;
  pool->jobs++;
  job->password_size = password.size > PASSWORD_BYTES_MAX ? PASSWORD_BYTES_MAX
                                                          : (uint32_t)password.size;
  if (job->password_size > 0) memcpy(job->password, password.data, job->password_size);
  world_entropy(pool->world, job->salt, sizeof job->salt);
  job->done = done;
  job->context = context;
  return job;
}

static void submit(struct password_pool *pool, struct job *job)
{
  pthread_mutex_lock(&pool->lock);
  list_push(&pool->queued, job);
  pool->engine_cpu = thread_cpu();
  pthread_cond_signal(&pool->work);
  pthread_mutex_unlock(&pool->lock);
}

bool password_pool_hash(struct password_pool *pool, struct bytes password, password_done *done,
                        void *context)
{
  CHECK_THAT(password.size, <=, PASSWORD_BYTES_MAX);
  struct job *job = take_job(pool, password, done, context);
  if (job == NULL) return false;
  submit(pool, job);
  return true;
}

bool password_pool_verify(struct password_pool *pool, struct bytes password, struct bytes stored,
                          password_done *done, void *context)
{
  struct job *job = take_job(pool, password, done, context);
  if (job == NULL) return false;
  job->verifies = true;
  job->known = stored.data != NULL && stored.size < PASSWORD_TEXT_BYTES &&
               password.size <= PASSWORD_BYTES_MAX;
  if (job->known) {
    memcpy(job->stored, stored.data, stored.size);
    job->stored[stored.size] = 0;
  }
  submit(pool, job);
  return true;
}

static void run_here(struct password_pool *pool)
{
  struct job *job;
  while ((job = list_pop(&pool->queued)) != NULL) {
    run_job(&pool->here, job);
    list_push(&pool->finished, job);
  }
}

uint32_t password_pool_collect(struct password_pool *pool)
{
  if (pool->jobs == 0) return 0;
  if (pool->running == 0) run_here(pool);
  pthread_mutex_lock(&pool->lock);
  struct job *job = pool->finished.first;
  list_init(&pool->finished);
  pthread_mutex_unlock(&pool->lock);
  uint32_t count = 0;
  while (job != NULL) {
    struct job *next = job->next;
    call_back(pool, job, job->outcome);
    job = next;
    count++;
  }
  return count;
}

uint32_t password_pool_jobs(const struct password_pool *pool)
{
  return pool->jobs;
}
