#include "net/client_driver.h"

#include <errno.h>

struct client_watch {
  struct watch watch;
  struct client_watch *next;
  struct client_driver *driver;
  int fd;
};

static void on_ready(struct watch *watch, uint32_t ready)
{
  struct client_watch *self = (struct client_watch *)watch;
  client_ready(self->driver->client, self->fd, ready & (WORLD_READ | WORLD_WRITE));
}

_Static_assert(offsetof(struct client_watch, watch) == 0, "a watch is the start of its owner");

static struct client_watch *find(struct client_driver *driver, int fd)
{
  struct client_watch *watch = driver->watches;
  while (watch != NULL && watch->fd != fd) watch = watch->next;
  return watch;
}

static struct client_watch *add(struct client_driver *driver, int fd)
{
  struct client_watch *watch = driver->unused;
  if (watch != NULL)
    driver->unused = watch->next;
  else
    watch = memory_alloc(driver->memory, sizeof *watch);
  if (watch == NULL) return NULL;
  *watch = (struct client_watch){
      .watch.ready = on_ready, .next = driver->watches, .driver = driver, .fd = fd};
  driver->watches = watch;
  return watch;
}

static int on_watch(void *context, int fd, uint32_t interest)
{
  struct client_driver *driver = context;
  struct client_watch *watch = find(driver, fd);
  if (watch == NULL) watch = add(driver, fd);
  if (watch == NULL) return -ENOMEM;
  return loop_watch(driver->loop, fd, interest, &watch->watch);
}

static void on_unwatch(void *context, int fd)
{
  struct client_driver *driver = context;
  struct client_watch **link = &driver->watches;
  while (*link != NULL && (*link)->fd != fd) link = &(*link)->next;
  struct client_watch *watch = *link;
  if (watch == NULL) return;
  *link = watch->next;
  watch->next = driver->unused;
  driver->unused = watch;
  (void)loop_unwatch(driver->loop, fd); /* a closed descriptor has left already */
}

static void on_set_timer(void *context, int64_t at_ms)
{
  struct client_driver *driver = context;
  if (at_ms == INT64_MAX)
    loop_timer_clear(driver->loop, &driver->timer);
  else
    loop_timer_set(driver->loop, &driver->timer, at_ms);
}

static void on_timer(struct loop_timer *timer, int64_t now_ms)
{
  struct client_driver *driver = (struct client_driver *)((uint8_t *)timer -
                                                          offsetof(struct client_driver, timer));
  client_timer(driver->client, now_ms);
}

bool client_driver_open(struct client_driver *driver, struct loop *loop,
                        const struct client_options *options, struct error *error)
{
  *driver = (struct client_driver){
      .loop = loop, .memory = &loop->world->memory, .timer.fire = on_timer};
  const struct client_loop operations = {
      .context = driver,
      .watch = on_watch,
      .unwatch = on_unwatch,
      .set_timer = on_set_timer,
  };
  driver->client = client_new(driver->memory, loop->world, &operations, options, error);
  return driver->client != NULL;
}

static void free_list(struct client_driver *driver, struct client_watch *watch)
{
  while (watch != NULL) {
    struct client_watch *next = watch->next;
    memory_free(driver->memory, watch, sizeof *watch);
    watch = next;
  }
}

void client_driver_close(struct client_driver *driver)
{
  client_free(driver->client);
  loop_timer_clear(driver->loop, &driver->timer);
  free_list(driver, driver->watches);
  free_list(driver, driver->unused);
  driver->client = NULL;
  driver->watches = driver->unused = NULL;
}
