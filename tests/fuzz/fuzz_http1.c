/*
 * Any bytes, cut anywhere, from one client to a server: no crash, no leak, and the same replies
 * however the bytes were cut into reads and the replies into writes.
 *
 *     mode, number of cuts, 2 bytes for each cut, the client's bytes
 *
 * The network is made here: one listener, one stream, a clock that moves only when told. HTTP/2 is
 * left out: a connection that begins with its preface is not looked at.
 */
#include "base/check.h"
#include "net/reactor.h"
#include "sim/net_app.h"
#include "sim/net_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  CUTS_MAX = 16,
  OUTPUT_BYTES_MAX = 1 << 19, /* then the client is gone */
  TURNS_MAX = 200000,
  LISTENER = 100,
  STREAM = 200,
  LATE_MS = 3600000, /* beyond every patience */
};

enum mode {
  MODE_FINISH = 1,      /* the client says that it is done; otherwise it falls silent */
  MODE_WRITE_CUT = 2,   /* replies are taken in pieces */
  MODE_NO_MEMORY = 4,   /* an allocation fails: the replies may be others then */
  MODE_BYTE_WISE = 8,   /* all cuts at once */
  MODE_SHORT_READ = 16, /* a short read says that there is no more */
};

struct fuzz_world {
  struct world world;
  struct world_net_operations net;
  int64_t now_ns;
  uint64_t entropy;
  struct bytes input;
  size_t read, available; /* of the input */
  bool finished;          /* no more input will come, and the peer knows */
  size_t write_step;      /* 0: all is taken */
  bool write_turn;        /* the next write is taken */
  bool accepted, closed, shut;
  uint64_t listener_data, stream_data;
  uint32_t ready; /* of the stream, not yet told */
  struct memory output_memory;
  struct buffer output;
};

static struct fuzz_world *of(struct world *world)
{
  return (struct fuzz_world *)world;
}

static int64_t clock_ms(struct world *world)
{
  (void)world;
  return 1796000000000;
}

static int64_t monotonic_ns(struct world *world)
{
  return of(world)->now_ns;
}

static void entropy(struct world *world, void *to, size_t size)
{
  for (size_t i = 0; i < size; i++) {
    of(world)->entropy = of(world)->entropy * 6364136223846793005U + 1442695040888963407U;
    ((uint8_t *)to)[i] = (uint8_t)(of(world)->entropy >> 56);
  }
}

static int file_open(struct world *world, const char *path, int flags)
{
  (void)world, (void)path, (void)flags;
  return -ENOENT;
}

static const struct world_operations OPERATIONS = {
    .clock_ms = clock_ms,
    .monotonic_ns = monotonic_ns,
    .entropy = entropy,
    .file_open = file_open,
};

static int net_listen(struct world *world, const struct world_address *address, int backlog)
{
  (void)world, (void)address, (void)backlog;
  return LISTENER;
}

static int net_accept(struct world *world, int listener, struct world_address *peer)
{
  CHECK(listener == LISTENER);
  if (of(world)->accepted) return -EAGAIN;
  of(world)->accepted = true;
  *peer = (struct world_address){"192.0.2.1", 4711};
  return STREAM;
}

static int net_local(struct world *world, int handle, struct world_address *address)
{
  (void)world, (void)handle;
  *address = (struct world_address){"127.0.0.1", 80};
  return 0;
}

static int64_t net_read(struct world *world, int stream, void *to, size_t size)
{
  struct fuzz_world *self = of(world);
  CHECK(stream == STREAM && !self->closed && size > 0);
  size_t left = self->available - self->read;
  if (left == 0) return self->finished && self->read == self->input.size ? 0 : -EAGAIN;
  if (left > size) left = size;
  memcpy(to, self->input.data + self->read, left);
  self->read += left;
  return (int64_t)left;
}

static int64_t net_write(struct world *world, int stream, const void *from, size_t size)
{
  struct fuzz_world *self = of(world);
  CHECK(stream == STREAM && !self->closed && !self->shut && size > 0);
  if (self->output.size >= OUTPUT_BYTES_MAX) return -ECONNRESET;
  if (self->write_step > 0) {
    self->write_turn = !self->write_turn;
    if (!self->write_turn) return -EAGAIN;
    if (size > self->write_step) size = self->write_step;
  }
  CHECK(buffer_append(&self->output, bytes_of(from, size)));
  return (int64_t)size;
}

static int net_shutdown(struct world *world, int stream)
{
  CHECK(stream == STREAM && !of(world)->closed);
  of(world)->shut = true;
  return 0;
}

static int net_close(struct world *world, int handle)
{
  if (handle == LISTENER) return 0;
  CHECK(handle == STREAM && !of(world)->closed);
  of(world)->closed = true;
  of(world)->ready = 0;
  return 0;
}

static int net_watch(struct world *world, int handle, uint32_t interest, uint64_t user_data)
{
  (void)interest;
  if (handle == LISTENER) of(world)->listener_data = user_data;
  if (handle == STREAM) of(world)->stream_data = user_data;
  if (handle == STREAM) of(world)->ready = WORLD_READ | WORLD_WRITE;
  return 0;
}

static int net_wait(struct world *world, struct world_event *events, int capacity, int timeout_ms)
{
  (void)capacity, (void)timeout_ms;
  struct fuzz_world *self = of(world);
  if (!self->accepted) {
    events[0] = (struct world_event){self->listener_data, WORLD_READ};
    return 1;
  }
  if (self->ready == 0) return 0;
  events[0] = (struct world_event){self->stream_data, self->ready};
  self->ready = 0;
  return 1;
}

static void net_wake(struct world *world)
{
  (void)world;
}

static void world_open(struct fuzz_world *self, struct bytes input, uint8_t mode)
{
  *self = (struct fuzz_world){.input = input, .entropy = 1};
  self->net = (struct world_net_operations){
      .short_read_drains = (mode & MODE_SHORT_READ) != 0,
      .listen = net_listen,
      .accept = net_accept,
      .local = net_local,
      .read = net_read,
      .write = net_write,
      .shutdown = net_shutdown,
      .close = net_close,
      .watch = net_watch,
      .wait = net_wait,
      .wake = net_wake,
  };
  self->world = (struct world){.operations = &OPERATIONS, .net = &self->net};
  buffer_init(&self->output, &self->output_memory);
}

/* Turns until nothing happens any more. */
static void settle(struct fuzz_world *self, struct server *server, struct net_app *app)
{
  for (int turns = 0;; turns++) {
    CHECK_THAT(turns, <, TURNS_MAX);
    uint64_t sequence = app->sequence;
    size_t written = self->output.size;
    size_t read = self->read;
    server_turn(server, 0);
    net_app_release_all(app);
    server_release(server, app->sequence);
    if (self->closed && self->accepted) return;
    if (self->write_step > 0 && self->accepted) self->ready |= WORLD_WRITE;
    bool quiet = sequence == app->sequence && written == self->output.size && read == self->read &&
                 turns > 4;
    if (quiet && !reactor_busy(&server->reactors[0])) return;
  }
}

static void run_pieces(struct fuzz_world *self, struct server *server, struct net_app *app,
                       const size_t *cuts, size_t cut_count, uint8_t mode)
{
  settle(self, server, app);
  for (size_t i = 0; i <= cut_count && !self->closed; i++) {
    self->available = i < cut_count ? cuts[i] : self->input.size;
    self->finished = i == cut_count && (mode & MODE_FINISH) != 0;
    self->ready = WORLD_READ | (self->finished ? WORLD_END : 0);
    settle(self, server, app);
  }
  /* Whoever is still there is out of patience, then has lingered long enough. */
  for (int i = 0; i < 3 && !self->closed; i++) {
    self->now_ns += (int64_t)LATE_MS * 1000000;
    settle(self, server, app);
  }
}

/* All that the server said; the caller frees it. */
static void run(struct bytes input, const size_t *cuts, size_t cut_count, uint8_t mode,
                uint64_t fail_at, size_t write_step, struct fuzz_world *self)
{
  static struct net_app app;
  static struct loop loop;
  const struct server_endpoint endpoint = {.name = "http",
                                           .address = {.host = "127.0.0.1", .port = 80},
                                           .inherited = -1,
                                           .routes = net_app_routes,
                                           .route_count = NET_APP_ROUTES};
  const struct server_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .limits = net_limits_default(), .context = &app};
  struct error error;
  world_open(self, input, mode);
  self->write_step = write_step;
  loop_init(&loop, &self->world);
  app = (struct net_app){0};
  struct server *server = server_open(&self->world, &loop, &options, &error);
  CHECK(server != NULL);
  app.topic = server_topic(server);
  if (fail_at > 0) self->world.memory.fail_at = self->world.memory.calls + fail_at;
  run_pieces(self, server, &app, cuts, cut_count, mode);
  server_close(server);
  CHECK_THAT(self->world.memory.in_use, ==, 0);
}

/*
 * Drops "100 Continue", which is sent only when nothing of a body is there yet. It stands where a
 * reply could begin: behind the end of another.
 */
static void drop_continue(struct buffer *output)
{
  static const struct bytes interim = {(const uint8_t *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
  size_t at = 0;
  while (at < output->size) {
    struct bytes rest = bytes_of(output->data + at, output->size - at);
    struct net_reply reply;
    if (bytes_starts_with(rest, interim)) {
      output->size -= interim.size;
      memmove(output->data + at, output->data + at + interim.size, output->size - at);
      continue;
    }
    /* A reply to HEAD has a length and no body: the next one begins behind its head. */
    enum net_reply_parse parse = net_reply_parse(rest, false, &reply);
    if (parse == NET_REPLY_BAD || reply.head.size == 0 || reply.chunked) return;
    struct bytes behind = bytes_of(rest.data + reply.head.size, rest.size - reply.head.size);
    bool to_head = bytes_starts_with(behind, BYTES("HTTP/1.1 "));
    if (parse == NET_REPLY_MORE && !to_head) return;
    at += to_head ? reply.head.size : reply.size;
  }
}

static void compare(struct fuzz_world *left, struct fuzz_world *right)
{
  drop_continue(&left->output);
  drop_continue(&right->output);
  struct bytes a = buffer_bytes(&left->output);
  struct bytes b = buffer_bytes(&right->output);
  if (a.size >= OUTPUT_BYTES_MAX || b.size >= OUTPUT_BYTES_MAX) return;
  if (!bytes_equal(a, b))
    fprintf(stderr, "---- whole:\n%.*s\n---- cut:\n%.*s\n", BYTES_FORMAT(a), BYTES_FORMAT(b));
  CHECK(bytes_equal(a, b));
}

static int compare_cuts(const void *left, const void *right)
{
  size_t a = *(const size_t *)left;
  size_t b = *(const size_t *)right;
  return (a > b) - (a < b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct fuzz_world whole, cut;
  static size_t all_cuts[4096];
  if (size < 2) return 0;
  uint8_t mode = data[0];
  size_t cut_count = data[1] % (CUTS_MAX + 1);
  if (size < 2 + 2 * cut_count) return 0;
  struct bytes input = bytes_of(data + 2 + 2 * cut_count, size - 2 - 2 * cut_count);
  if (bytes_starts_with(input, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))) return 0;
  size_t *cuts = all_cuts;
  for (size_t i = 0; i < cut_count; i++)
    cuts[i] = bytes_get_u16(data + 2 + 2 * i) % (input.size + 1);
  qsort(cuts, cut_count, sizeof cuts[0], compare_cuts);
  uint64_t fail_at = (mode & MODE_NO_MEMORY) != 0 ? 1 + (uint64_t)mode / 32 + 4 * cut_count : 0;
  size_t write_step = (mode & MODE_WRITE_CUT) != 0 ? 700 + 7 * (size_t)mode : 0;
  if ((mode & MODE_BYTE_WISE) != 0 && input.size < sizeof all_cuts / sizeof all_cuts[0]) {
    cut_count = input.size;
    for (size_t i = 0; i < cut_count; i++) cuts[i] = i + 1;
  }
  run(input, NULL, 0, mode, 0, 0, &whole);
  run(input, cuts, cut_count, mode, fail_at, write_step, &cut);
  if (fail_at == 0) compare(&whole, &cut);
  buffer_free(&whole.output);
  buffer_free(&cut.output);
  return 0;
}
