/*
 * Streams of the simulated world.
 *
 *     socket --- link --- socket      a link has two lanes, one per direction, each a ring of bytes
 *       write: bytes enter the lane, a DATA packet is on its way
 *       DATA arrives: bytes can be read      read: bytes leave, a WINDOW packet goes back
 *       WINDOW arrives: there is room again
 *
 * Packets of one lane arrive in order; those of different lanes and links overtake each other by
 * their random delays. A silent link loses every packet from then on, and each end is told by a
 * TIMEOUT of its own.
 */
#include "base/check.h"
#include "sim/world_sim_parts.h"

#include <errno.h>

enum {
  SOCKETS = 1 << 14,       /* open at a time; -EMFILE beyond */
  FIRST_HANDLE = 1 << 30,  /* above all handles of files */
  SERIALS = 1 << 15,       /* of handles, so that a closed one is not soon met again */
  FIRST_FREE_PORT = 32768, /* of connecting ends and listeners on port 0 */
  USUAL_BACKLOG = 128,     /* of a listener that asks for less than one */
};

enum packet_kind {
  PACKET_CONNECT,
  PACKET_ACCEPTED,
  PACKET_REFUSED,
  PACKET_DATA,
  PACKET_END, /* no more bytes on this lane */
  PACKET_WINDOW,
  PACKET_RESET,
  PACKET_TIMEOUT,
};

struct link;

struct packet {
  int64_t at_ns;
  uint64_t serial; /* first sent, first delivered among equal times */
  struct link *link;
  enum packet_kind kind;
  int to; /* the end it goes to: 0 connected, 1 accepted */
  uint32_t size;
};

struct socket {
  int handle; /* 0: a connection that nobody accepted yet */
  enum side side;
  struct world_address address;
  struct link *link; /* NULL: listener */
  int end;
  bool connecting;
  int error; /* positive errno, from then on given to every read and write */
  uint32_t interest;
  uint64_t user_data;
  uint32_t ready;          /* not yet told; then it is in the queue of its side */
  struct socket **waiting; /* listener: connections to accept, oldest first */
  size_t waiting_count;
  size_t backlog;
};

/* Bytes from one end to the other. used = stored + taken by the reader but not yet told back. */
struct lane {
  uint8_t *ring;
  uint32_t capacity;
  uint32_t head;
  uint32_t stored;
  uint32_t arrived;
  uint32_t used;
  bool shut;  /* the writer said so */
  bool ended; /* and the reader's end knows */
  int64_t last_ns;
};

struct link {
  size_t references; /* sockets and packets */
  struct socket *ends[2];
  struct lane lanes[2]; /* [i]: written by end i */
  struct world_address source;
  struct world_address target;
  bool silent;
};

struct queue {
  struct socket **list;
  size_t count;
  size_t capacity;
};

struct net {
  struct random random;
  struct socket *sockets[SOCKETS];
  size_t next_slot;
  int serial;
  uint16_t next_port;
  struct packet *heap;
  size_t packet_count;
  size_t packet_capacity;
  uint64_t packet_serial;
  int64_t now_ns; /* of the packet being delivered, else the world's */
  struct queue ready[SIDES];
  bool woken[SIDES];
  bool touched[SIDES]; /* something arrived for the side since its flag was cleared */
};

/* ---- packets ---- */

static bool is_before(const struct packet *left, const struct packet *right)
{
  return left->at_ns != right->at_ns ? left->at_ns < right->at_ns : left->serial < right->serial;
}

static void swap_packets(struct packet *left, struct packet *right)
{
  struct packet kept = *left;
  *left = *right;
  *right = kept;
}

static void push_packet(struct net *net, struct packet packet)
{
  if (net->packet_count == net->packet_capacity) {
    net->packet_capacity = net->packet_capacity == 0 ? 64 : net->packet_capacity * 2;
    net->heap = disk_resize(net->heap, net->packet_capacity * sizeof(packet));
  }
  packet.serial = net->packet_serial++;
  packet.link->references++;
  size_t at = net->packet_count++;
  net->heap[at] = packet;
  for (; at > 0 && is_before(&net->heap[at], &net->heap[(at - 1) / 2]); at = (at - 1) / 2)
    swap_packets(&net->heap[at], &net->heap[(at - 1) / 2]);
}

static struct packet pop_packet(struct net *net)
{
  CHECK_THAT(net->packet_count, >, 0);
  struct packet first = net->heap[0];
  net->heap[0] = net->heap[--net->packet_count];
  for (size_t at = 0;;) {
    size_t least = at;
    for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < net->packet_count; child++)
      if (is_before(&net->heap[child], &net->heap[least])) least = child;
    if (least == at) break;
    swap_packets(&net->heap[at], &net->heap[least]);
    at = least;
  }
  return first;
}

static void link_release(struct link *link)
{
  CHECK_THAT(link->references, >, 0);
  if (--link->references > 0) return;
  free(link->lanes[0].ring);
  free(link->lanes[1].ring);
  free(link);
}

/* Sends from the end opposite to `to`; never before what that end sent earlier. */
static void send_packet(struct world_sim *sim, struct link *link, int to, enum packet_kind kind,
                        uint32_t size)
{
  const struct world_sim_settings *settings = &sim->settings;
  struct lane *lane = &link->lanes[1 - to];
  int64_t at_ns = sim->net->now_ns + sim_duration_ns(&sim->net->random, settings->delay_us,
                                                     settings->slow_delay_per_million,
                                                     settings->slow_delay_us);
  if (at_ns < lane->last_ns) at_ns = lane->last_ns;
  lane->last_ns = at_ns;
  push_packet(sim->net, (struct packet){at_ns, 0, link, kind, to, size});
}

/* ---- readiness ---- */

static void set_ready(struct net *net, struct socket *socket, uint32_t ready)
{
  net->touched[socket->side] = true;
  if (socket->error == 0) ready &= socket->interest;
  if (socket->interest == 0 || ready == 0) return;
  if (socket->ready == 0) {
    struct queue *queue = &net->ready[socket->side];
    if (queue->count == queue->capacity) {
      queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
      queue->list = disk_resize(queue->list, queue->capacity * sizeof(*queue->list));
    }
    queue->list[queue->count++] = socket;
  }
  socket->ready |= ready;
}

static void clear_ready(struct net *net, struct socket *socket)
{
  if (socket->ready == 0) return;
  struct queue *queue = &net->ready[socket->side];
  size_t at = 0;
  while (queue->list[at] != socket) at++;
  memmove(queue->list + at, queue->list + at + 1, (--queue->count - at) * sizeof(*queue->list));
  socket->ready = 0;
}

static uint32_t present_readiness(const struct socket *socket)
{
  if (socket->link == NULL) return socket->waiting_count > 0 ? WORLD_READ : 0;
  if (socket->error != 0) return WORLD_READ | WORLD_WRITE;
  if (socket->connecting) return 0;
  const struct lane *in = &socket->link->lanes[1 - socket->end];
  const struct lane *out = &socket->link->lanes[socket->end];
  uint32_t ready = in->arrived > 0 || in->ended ? WORLD_READ : 0;
  return ready | (out->used < out->capacity ? WORLD_WRITE : 0);
}

/* ---- sockets ---- */

static int register_socket(struct net *net, struct socket *socket)
{
  for (size_t tried = 0; tried < SOCKETS; tried++) {
    size_t slot = net->next_slot++ % SOCKETS;
    if (net->sockets[slot] != NULL) continue;
    net->serial = net->serial % (SERIALS - 1) + 1;
    socket->handle = FIRST_HANDLE + (net->serial << 14) + (int)slot;
    net->sockets[slot] = socket;
    return socket->handle;
  }
  return -EMFILE;
}

static struct socket *find_socket(struct world *world, int handle)
{
  if (handle < FIRST_HANDLE) return NULL;
  struct socket *socket = sim_of(world)->net->sockets[handle & (SOCKETS - 1)];
  if (socket == NULL || socket->handle != handle) return NULL;
  return socket->side == face_of(world)->side ? socket : NULL;
}

static struct socket *find_stream(struct world *world, int handle)
{
  struct socket *socket = find_socket(world, handle);
  return socket != NULL && socket->link != NULL ? socket : NULL;
}

static struct socket *make_end(struct link *link, int end, enum side side)
{
  struct socket *socket = disk_alloc(sizeof(*socket));
  socket->side = side;
  socket->link = link;
  socket->end = end;
  link->ends[end] = socket;
  link->references++;
  return socket;
}

static uint16_t take_port(struct net *net)
{
  if (net->next_port < FIRST_FREE_PORT) net->next_port = FIRST_FREE_PORT;
  return net->next_port++;
}

static bool is_any_host(const char *host)
{
  return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static struct socket *find_listener(const struct net *net, const struct world_address *address)
{
  for (size_t slot = 0; slot < SOCKETS; slot++) {
    struct socket *socket = net->sockets[slot];
    if (socket == NULL || socket->link != NULL || socket->address.port != address->port) continue;
    if (is_any_host(socket->address.host) || strcmp(socket->address.host, address->host) == 0)
      return socket;
  }
  return NULL;
}

/* From now on nothing arrives; each end that is still there learns it after a while. */
static void silence_link(struct world_sim *sim, struct link *link)
{
  if (link->silent) return;
  link->silent = true;
  for (int end = 0; end < 2; end++) {
    int64_t wait_ns = (int64_t)random_below(&sim->net->random,
                                            (uint64_t)sim->settings.silence_us * 1000 + 1);
    push_packet(sim->net, (struct packet){.at_ns = sim->net->now_ns + wait_ns,
                                          .link = link,
                                          .kind = PACKET_TIMEOUT,
                                          .to = end});
  }
}

enum leaving { LEAVING_CLOSED, LEAVING_RESET, LEAVING_SILENTLY };

static void drop_socket(struct world_sim *sim, struct socket *socket, enum leaving leaving)
{
  struct net *net = sim->net;
  clear_ready(net, socket);
  if (socket->handle != 0) net->sockets[socket->handle & (SOCKETS - 1)] = NULL;
  for (size_t i = 0; i < socket->waiting_count; i++)
    drop_socket(sim, socket->waiting[i], leaving == LEAVING_CLOSED ? LEAVING_RESET : leaving);
  free(socket->waiting);
  struct link *link = socket->link;
  if (link != NULL) {
    int peer = 1 - socket->end;
    link->ends[socket->end] = NULL;
    if (leaving == LEAVING_SILENTLY) silence_link(sim, link);
    if (leaving == LEAVING_RESET || link->lanes[peer].arrived > 0)
      send_packet(sim, link, peer, PACKET_RESET, 0);
    else if (!link->lanes[socket->end].shut)
      send_packet(sim, link, peer, PACKET_END, 0);
    link_release(link);
  }
  free(socket);
}

/* ---- delivery ---- */

static void deliver_connect(struct world_sim *sim, struct link *link)
{
  struct socket *listener = find_listener(sim->net, &link->target);
  if (listener == NULL || listener->waiting_count >= listener->backlog) {
    send_packet(sim, link, 0, PACKET_REFUSED, 0);
    return;
  }
  struct socket *socket = make_end(link, 1, listener->side);
  socket->address = link->target;
  listener->waiting[listener->waiting_count++] = socket;
  send_packet(sim, link, 0, PACKET_ACCEPTED, 0);
  set_ready(sim->net, listener, WORLD_READ);
}

static void fail_socket(struct net *net, struct socket *socket, int error)
{
  if (socket->error == 0) socket->error = error;
  socket->connecting = false;
  set_ready(net, socket, WORLD_READ | WORLD_WRITE);
}

static void deliver_to(struct world_sim *sim, const struct packet *packet, struct socket *socket)
{
  struct net *net = sim->net;
  struct lane *in = &packet->link->lanes[1 - packet->to];
  struct lane *out = &packet->link->lanes[packet->to];
  switch (packet->kind) {
  case PACKET_ACCEPTED:
    socket->connecting = false;
    set_ready(net, socket, WORLD_WRITE);
    break;
  case PACKET_DATA:
    in->arrived += packet->size;
    CHECK_THAT(in->arrived, <=, in->stored);
    set_ready(net, socket, WORLD_READ);
    break;
  case PACKET_END:
    in->ended = true;
    set_ready(net, socket, WORLD_READ);
    break;
  case PACKET_WINDOW:
    CHECK_THAT(out->used, >=, packet->size);
    out->used -= packet->size;
    set_ready(net, socket, WORLD_WRITE);
    break;
  case PACKET_REFUSED:
    fail_socket(net, socket, ECONNREFUSED);
    break;
  case PACKET_RESET:
    fail_socket(net, socket, ECONNRESET);
    break;
  case PACKET_TIMEOUT:
    fail_socket(net, socket, ETIMEDOUT);
    break;
  case PACKET_CONNECT:
    CHECK(false);
  }
}

static void deliver(struct world_sim *sim, const struct packet *packet)
{
  struct link *link = packet->link;
  if (link->silent && packet->kind != PACKET_TIMEOUT) return;
  if (packet->kind == PACKET_CONNECT) {
    deliver_connect(sim, link);
    return;
  }
  struct socket *socket = link->ends[packet->to];
  if (socket != NULL)
    deliver_to(sim, packet, socket);
  else if (packet->kind == PACKET_DATA && link->ends[1 - packet->to] != NULL)
    send_packet(sim, link, 1 - packet->to, PACKET_RESET, 0);
}

/* All that is due by now, in order of time; replies are sent at the time of what they answer. */
static void deliver_due(struct world_sim *sim)
{
  struct net *net = sim->net;
  while (net->packet_count > 0 && net->heap[0].at_ns <= sim->monotonic_ns) {
    struct packet packet = pop_packet(net);
    net->now_ns = packet.at_ns;
    deliver(sim, &packet);
    link_release(packet.link);
  }
  net->now_ns = sim->monotonic_ns;
}

static bool advance_to_packet(struct world_sim *sim, int64_t limit_ns)
{
  const struct net *net = sim->net;
  if (net->packet_count == 0 || net->heap[0].at_ns > limit_ns) return false;
  sim_advance_ns(sim, net->heap[0].at_ns - sim->monotonic_ns);
  return true;
}

bool world_sim_advance_to_delivery(struct world_sim *sim, int64_t limit_ms)
{
  int64_t limit_ns = sim->monotonic_ns + limit_ms * 1000000;
  deliver_due(sim);
  bool found = advance_to_packet(sim, limit_ns);
  if (!found) sim_advance_ns(sim, limit_ns - sim->monotonic_ns);
  deliver_due(sim);
  return found;
}

/* ---- operations ---- */

static int traced(struct world_sim *sim, int handle, int64_t result)
{
  sim_trace(sim, (uint64_t)handle);
  sim_trace(sim, (uint64_t)result);
  sim_trace(sim, (uint64_t)sim->monotonic_ns);
  return (int)result;
}

static int sim_listen(struct world *world, const struct world_address *address, int backlog)
{
  struct world_sim *sim = sim_of(world);
  deliver_due(sim);
  if (address->host[0] == 0) return -EINVAL;
  if (address->port != 0 && find_listener(sim->net, address) != NULL) return -EADDRINUSE;
  struct socket *socket = disk_alloc(sizeof(*socket));
  socket->side = face_of(world)->side;
  socket->address = *address;
  if (address->port == 0) socket->address.port = take_port(sim->net);
  socket->backlog = backlog > 0 ? (size_t)backlog : USUAL_BACKLOG;
  socket->waiting = disk_alloc(socket->backlog * sizeof(struct socket *));
  int handle = register_socket(sim->net, socket);
  if (handle < 0) drop_socket(sim, socket, LEAVING_CLOSED);
  return traced(sim, 0, handle);
}

static int sim_accept(struct world *world, int listener, struct world_address *peer)
{
  struct world_sim *sim = sim_of(world);
  deliver_due(sim);
  struct socket *from = find_socket(world, listener);
  if (from == NULL) return -EBADF;
  if (from->link != NULL) return -EINVAL;
  if (from->waiting_count == 0) return traced(sim, listener, -EAGAIN);
  struct socket *socket = from->waiting[0];
  int handle = register_socket(sim->net, socket);
  if (handle < 0) return traced(sim, listener, handle);
  from->waiting_count--;
  memmove(from->waiting, from->waiting + 1, from->waiting_count * sizeof(*from->waiting));
  if (peer != NULL) *peer = socket->link->source;
  return traced(sim, listener, handle);
}

static int sim_connect(struct world *world, const struct world_address *address)
{
  struct world_sim *sim = sim_of(world);
  deliver_due(sim);
  if (address->host[0] == 0 || address->port == 0) return -EINVAL;
  struct link *link = disk_alloc(sizeof(*link));
  link->target = *address;
  for (int i = 0; i < 2; i++) {
    link->lanes[i].capacity = sim->settings.stream_bytes;
    link->lanes[i].ring = disk_alloc(sim->settings.stream_bytes);
  }
  struct socket *socket = make_end(link, 0, face_of(world)->side);
  socket->connecting = true;
  socket->address = (struct world_address){.host = "192.0.2.1", .port = take_port(sim->net)};
  link->source = socket->address;
  int handle = register_socket(sim->net, socket);
  if (handle < 0) {
    drop_socket(sim, socket, LEAVING_RESET);
    return traced(sim, 0, handle);
  }
  send_packet(sim, link, 1, PACKET_CONNECT, 0);
  return traced(sim, 0, handle);
}

static int sim_local(struct world *world, int handle, struct world_address *address)
{
  const struct socket *socket = find_socket(world, handle);
  if (socket == NULL) return -EBADF;
  *address = socket->address;
  return 0;
}

/* Now and then less than could be. */
static uint32_t some_of(struct world_sim *sim, uint32_t size)
{
  if (!random_chance(&sim->net->random, sim->settings.partial_per_million)) return size;
  return (uint32_t)random_between(&sim->net->random, 1, size);
}

static int64_t sim_read(struct world *world, int stream, void *to, size_t size)
{
  struct world_sim *sim = sim_of(world);
  CHECK_THAT(size, >, 0);
  deliver_due(sim);
  struct socket *socket = find_stream(world, stream);
  if (socket == NULL) return -EBADF;
  struct lane *lane = &socket->link->lanes[1 - socket->end];
  if (socket->error != 0) return traced(sim, stream, -socket->error);
  if (lane->arrived == 0) return traced(sim, stream, lane->ended ? 0 : -EAGAIN);
  uint32_t count = some_of(sim, size < lane->arrived ? (uint32_t)size : lane->arrived);
  uint32_t first = lane->capacity - lane->head < count ? lane->capacity - lane->head : count;
  memcpy(to, lane->ring + lane->head, first);
  memcpy((uint8_t *)to + first, lane->ring, count - first);
  lane->head = (lane->head + count) % lane->capacity;
  lane->arrived -= count;
  lane->stored -= count;
  send_packet(sim, socket->link, 1 - socket->end, PACKET_WINDOW, count);
  return traced(sim, stream, count);
}

/* The accidents that settings ask for; they strike after bytes were taken. */
static void maybe_break(struct world_sim *sim, struct link *link)
{
  if (random_chance(&sim->net->random, sim->settings.reset_per_million)) {
    send_packet(sim, link, 0, PACKET_RESET, 0);
    send_packet(sim, link, 1, PACKET_RESET, 0);
  }
  if (random_chance(&sim->net->random, sim->settings.silence_per_million)) silence_link(sim, link);
}

static int64_t sim_write(struct world *world, int stream, const void *from, size_t size)
{
  struct world_sim *sim = sim_of(world);
  CHECK_THAT(size, >, 0);
  deliver_due(sim);
  struct socket *socket = find_stream(world, stream);
  if (socket == NULL) return -EBADF;
  struct lane *lane = &socket->link->lanes[socket->end];
  if (socket->error != 0) return traced(sim, stream, -socket->error);
  if (lane->shut) return traced(sim, stream, -EPIPE);
  uint32_t room = lane->capacity - lane->used;
  if (socket->connecting || room == 0) return traced(sim, stream, -EAGAIN);
  uint32_t count = some_of(sim, size < room ? (uint32_t)size : room);
  uint32_t tail = (lane->head + lane->stored) % lane->capacity;
  uint32_t first = lane->capacity - tail < count ? lane->capacity - tail : count;
  memcpy(lane->ring + tail, from, first);
  memcpy(lane->ring, (const uint8_t *)from + first, count - first);
  lane->stored += count;
  lane->used += count;
  send_packet(sim, socket->link, 1 - socket->end, PACKET_DATA, count);
  maybe_break(sim, socket->link);
  return traced(sim, stream, count);
}

static int sim_shutdown(struct world *world, int stream)
{
  struct world_sim *sim = sim_of(world);
  deliver_due(sim);
  struct socket *socket = find_stream(world, stream);
  if (socket == NULL) return -EBADF;
  if (socket->connecting || socket->error != 0) return -ENOTCONN;
  struct lane *lane = &socket->link->lanes[socket->end];
  if (!lane->shut) send_packet(sim, socket->link, 1 - socket->end, PACKET_END, 0);
  lane->shut = true;
  return traced(sim, stream, 0);
}

static int sim_close(struct world *world, int handle)
{
  struct world_sim *sim = sim_of(world);
  deliver_due(sim);
  struct socket *socket = find_socket(world, handle);
  if (socket == NULL) return -EBADF;
  drop_socket(sim, socket, LEAVING_CLOSED);
  return traced(sim, handle, 0);
}

static int sim_watch(struct world *world, int handle, uint32_t interest, uint64_t user_data)
{
  struct world_sim *sim = sim_of(world);
  CHECK_THAT(user_data, !=, UINT64_MAX);
  deliver_due(sim);
  struct socket *socket = find_socket(world, handle);
  if (socket == NULL) return -EBADF;
  clear_ready(sim->net, socket);
  socket->interest = interest;
  socket->user_data = user_data;
  set_ready(sim->net, socket, present_readiness(socket));
  return 0;
}

static int sim_unwatch(struct world *world, int handle)
{
  struct socket *socket = find_socket(world, handle);
  if (socket == NULL) return -EBADF;
  if (socket->interest == 0) return -ENOENT;
  clear_ready(sim_of(world)->net, socket);
  socket->interest = 0;
  return 0;
}

static int collect(struct net *net, enum side side, struct world_event *events, int capacity)
{
  struct queue *queue = &net->ready[side];
  size_t count = queue->count < (size_t)capacity ? queue->count : (size_t)capacity;
  for (size_t i = 0; i < count; i++) {
    struct socket *socket = queue->list[i];
    events[i] = (struct world_event){socket->user_data, socket->ready};
    socket->ready = 0;
  }
  queue->count -= count;
  for (size_t i = 0; i < queue->count; i++) queue->list[i] = queue->list[count + i];
  net->woken[side] = false;
  return (int)count;
}

/* Time stops for the other side: what arrives there ends the wait, so that the test can step it. */
static int sim_wait(struct world *world, struct world_event *events, int capacity, int timeout_ms)
{
  struct world_sim *sim = sim_of(world);
  struct net *net = sim->net;
  enum side side = face_of(world)->side;
  enum side other = side == SIDE_PROCESS ? SIDE_CLIENT : SIDE_PROCESS;
  CHECK_THAT(capacity, >, 0);
  int64_t limit_ns = timeout_ms < 0 ? INT64_MAX : sim->monotonic_ns + (int64_t)timeout_ms * 1000000;
  net->touched[other] = false;
  deliver_due(sim);
  while (net->ready[side].count == 0 && !net->woken[side] && !net->touched[other]) {
    if (!advance_to_packet(sim, limit_ns)) {
      if (timeout_ms > 0) sim_advance_ns(sim, limit_ns - sim->monotonic_ns);
      break;
    }
    deliver_due(sim);
  }
  net->now_ns = sim->monotonic_ns;
  return traced(sim, 0, collect(net, side, events, capacity));
}

static void sim_wake(struct world *world)
{
  sim_of(world)->net->woken[face_of(world)->side] = true;
}

const struct world_net_operations world_sim_net_operations = {
    .listen = sim_listen,
    .accept = sim_accept,
    .connect = sim_connect,
    .local = sim_local,
    .read = sim_read,
    .write = sim_write,
    .shutdown = sim_shutdown,
    .close = sim_close,
    .watch = sim_watch,
    .unwatch = sim_unwatch,
    .wait = sim_wait,
    .wake = sim_wake,
};

/* ---- the whole network ---- */

void world_sim_silence(struct world *world, int stream)
{
  deliver_due(sim_of(world));
  struct socket *socket = find_stream(world, stream);
  CHECK(socket != NULL);
  silence_link(sim_of(world), socket->link);
}

struct net *net_new(uint64_t seed)
{
  struct net *net = disk_alloc(sizeof(*net));
  random_init(&net->random, seed);
  return net;
}

static void drop_side(struct world_sim *sim, enum side side, enum leaving leaving)
{
  for (size_t slot = 0; slot < SOCKETS; slot++) {
    struct socket *socket = sim->net->sockets[slot];
    if (socket != NULL && socket->side == side) drop_socket(sim, socket, leaving);
  }
  CHECK_THAT(sim->net->ready[side].count, ==, 0);
  sim->net->woken[side] = false;
}

void net_crash(struct world_sim *sim)
{
  deliver_due(sim);
  bool power_lost = random_coin(&sim->net->random);
  drop_side(sim, SIDE_PROCESS, power_lost ? LEAVING_SILENTLY : LEAVING_RESET);
}

void net_free(struct world_sim *sim)
{
  struct net *net = sim->net;
  drop_side(sim, SIDE_PROCESS, LEAVING_RESET);
  drop_side(sim, SIDE_CLIENT, LEAVING_RESET);
  while (net->packet_count > 0) link_release(pop_packet(net).link);
  free(net->heap);
  free(net->ready[SIDE_PROCESS].list);
  free(net->ready[SIDE_CLIENT].list);
  free(net);
}
