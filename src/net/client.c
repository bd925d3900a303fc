#include "net/client.h"

#include "base/check.h"
#include "base/world_net.h"
#include "net/client_parts.h"

enum {
  /* libcurl's own bound on the sockets of one transfer (happy eyeballs, name look-up). */
  SOCKETS_PER_TRANSFER = 5,
  /* Steps of libcurl that are due at once, before others of the loop get their turn. */
  ROUNDS_MAX = 16,
  /* Until a watch that failed is tried again. */
  WATCH_RETRY_MS = 20,
  /* Until transfers over HTTP/2 are nudged, when a socket was reported. */
  NUDGE_MS = 5,
};

static const uint32_t NO_SLOT = UINT32_MAX;

struct client_socket {
  int fd;
  uint32_t interest;
  bool armed; /* watched, and not reported since */
};

/* Generations begin with 1 and grow when a request ends, so an old handle finds nothing. */
struct client_slot {
  struct client_call *call;
  uint32_t generation;
  uint32_t next_free;
};

struct client_list {
  struct client_call *first, *last;
};

struct client {
  struct memory *memory;
  struct world *world;
  struct client_loop loop;
  struct client_options options;
  CURLM *multi;

  struct client_slot *slots;
  uint32_t slot_count;
  uint32_t free_slot; /* the first, or NO_SLOT */
  struct client_list lists[CLIENT_LIST_COUNT];
  struct client_counts counts;

  struct client_socket *sockets; /* what libcurl wants watched, in any order */
  uint32_t socket_count;
  uint32_t socket_capacity;
  uint32_t unarmed_count;

  int64_t curl_due_ms; /* libcurl's timer; 0: at once */
  int64_t nudge_ms;    /* INT64_MAX: all transfers have been nudged since the last progress */
  int64_t timer_ms;    /* what the loop was told last */
  uint64_t progress;   /* pieces of replies received */
  uint64_t nudged_progress;
  uint32_t tls_running;
  uint32_t depth;    /* of public functions being run: callbacks may call them */
  bool ends_to_tell; /* libcurl has (or had, before a cancel) transfers that ended */
  bool closing;
};

bool client_global_init(struct error *error)
{
  if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return true;
  return error_set(error, ERROR_UNSUPPORTED, "libcurl could not be initialised");
}

void client_global_cleanup(void)
{
  curl_global_cleanup();
}

static int64_t clock_of(const struct client *client)
{
  return world_monotonic_ns(client->world) / 1000000;
}

static int64_t earlier(int64_t left, int64_t right)
{
  return left < right ? left : right;
}

/* --- the two lists --- */

static void list_insert(struct client *client, enum client_list_name name, struct client_call *call,
                        struct client_call *after)
{
  struct client_list *list = &client->lists[name];
  struct client_call *next = after == NULL ? list->first : after->links[name].next;
  call->links[name].previous = after;
  call->links[name].next = next;
  *(after == NULL ? &list->first : &after->links[name].next) = call;
  *(next == NULL ? &list->last : &next->links[name].previous) = call;
}

static void list_remove(struct client *client, enum client_list_name name, struct client_call *call)
{
  struct client_list *list = &client->lists[name];
  struct client_call *next = call->links[name].next, *previous = call->links[name].previous;
  *(previous == NULL ? &list->first : &previous->links[name].next) = next;
  *(next == NULL ? &list->last : &next->links[name].previous) = previous;
}

/* From the back: deadlines of those who come later mostly end later. */
static void list_insert_due(struct client *client, struct client_call *call)
{
  struct client_call *after = client->lists[CLIENT_LIST_DUE].last;
  while (after != NULL && after->due_ms > call->due_ms)
    after = after->links[CLIENT_LIST_DUE].previous;
  list_insert(client, CLIENT_LIST_DUE, call, after);
}

/* --- states --- */

static void enter_queue(struct client *client, struct client_call *call)
{
  call->state = CLIENT_QUEUED;
  call->due_ms = call->deadline_ms;
  list_insert(client, CLIENT_LIST_QUEUE, call, client->lists[CLIENT_LIST_QUEUE].last);
  list_insert_due(client, call);
  client->counts.queued++;
}

static void enter_wait(struct client *client, struct client_call *call, int64_t until_ms)
{
  call->state = CLIENT_WAITING;
  call->due_ms = until_ms;
  list_insert_due(client, call);
  client->counts.waiting++;
}

/* Takes the call out of its state; it has none then. */
static void leave_state(struct client *client, struct client_call *call)
{
  switch (call->state) {
  case CLIENT_QUEUED:
    list_remove(client, CLIENT_LIST_QUEUE, call);
    list_remove(client, CLIENT_LIST_DUE, call);
    client->counts.queued--;
    break;
  case CLIENT_RUNNING:
    CHECK(curl_multi_remove_handle(client->multi, call->easy) == CURLM_OK);
    client->counts.running--;
    client->tls_running -= call->is_tls;
    break;
  case CLIENT_WAITING:
    list_remove(client, CLIENT_LIST_DUE, call);
    client->counts.waiting--;
    break;
  }
}

static void release_slot(struct client *client, struct client_call *call)
{
  struct client_slot *slot = &client->slots[call->slot];
  CHECK(slot->call == call);
  slot->call = NULL;
  slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
  slot->next_free = client->free_slot;
  client->free_slot = call->slot;
}

static void destroy_call(struct client *client, struct client_call *call)
{
  client_call_free(call);
  memory_free(client->memory, call, sizeof(*call));
}

/* The one callback of a call that has left its state. */
static void finish(struct client *client, struct client_call *call, enum client_outcome outcome,
                   CURLcode code)
{
  struct http_header headers[CLIENT_REPLY_HEADERS_MAX];
  char text[CLIENT_TEXT_BYTES];
  client_describe(text, call->origin, outcome, call->easy, code);
  struct client_response response = {.outcome = outcome,
                                     .attempts = call->attempts_made,
                                     .elapsed_ms = clock_of(client) - call->sent_ms,
                                     .text = text};
  if (outcome == CLIENT_OK) {
    client_reply_headers(&call->reply, headers);
    response.status = call->reply.status;
    response.headers = headers;
    response.header_count = call->reply.field_count;
    response.body = buffer_bytes(&call->reply.body);
  }
  release_slot(client, call);
  call->callback(call->context, &response);
  destroy_call(client, call);
}

/* Begins the attempt of a call that is in no state. */
static void start(struct client *client, struct client_call *call, int64_t now_ms)
{
  client_call_begin(call, call->deadline_ms - now_ms);
  if (curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
    /* Told later, since client_send may be what began it. */
    call->start_failed = true;
    enter_wait(client, call, now_ms);
    return;
  }
  call->state = CLIENT_RUNNING;
  client->counts.running++;
  client->tls_running += call->is_tls;
}

static void start_queued(struct client *client, int64_t now_ms)
{
  while (client->counts.running < client->options.in_flight && !client->closing) {
    struct client_call *call = client->lists[CLIENT_LIST_QUEUE].first;
    if (call == NULL) return;
    leave_state(client, call);
    start(client, call, now_ms);
  }
}

/* Whether a byte of a reply came, also one of a line that never ended. */
static bool reply_began(const struct client_call *call)
{
  curl_off_t first_byte_us = 0;
  return call->reply.head_bytes > 0 || (curl_easy_getinfo(call->easy, CURLINFO_STARTTRANSFER_TIME_T,
                                                          &first_byte_us) == CURLE_OK &&
                                        first_byte_us > 0);
}

/* Milliseconds until the next attempt, or -1 when there is none. */
static int64_t next_attempt_in(struct client *client, const struct client_call *call,
                               enum client_outcome outcome, bool began, int64_t now_ms)
{
  if (call->attempts_made >= call->attempts || client->closing ||
      !client_retry_is_worth(outcome, call->reply.status, began))
    return -1;
  int64_t delay_ms = client_retry_backoff_ms(client->world, call->backoff_ms, call->backoff_max_ms,
                                             call->attempts_made);
  if (outcome == CLIENT_OK) {
    struct http_header headers[CLIENT_REPLY_HEADERS_MAX];
    client_reply_headers(&call->reply, headers);
    struct client_response response = {.headers = headers, .header_count = call->reply.field_count};
    struct bytes after = client_response_header(&response, BYTES("retry-after"));
    int64_t wanted_ms = client_retry_after_ms(after);
    if (wanted_ms > delay_ms) delay_ms = wanted_ms;
  }
  return delay_ms < call->deadline_ms - now_ms ? delay_ms : -1;
}

static void end_attempt(struct client *client, struct client_call *call, CURLcode code,
                        int64_t now_ms)
{
  bool began = reply_began(call);
  enum client_outcome outcome = client_outcome_of(code, &call->reply, began);
  leave_state(client, call);
  int64_t delay_ms = next_attempt_in(client, call, outcome, began, now_ms);
  if (delay_ms >= 0)
    enter_wait(client, call, now_ms + delay_ms);
  else
    finish(client, call, outcome, code);
}

/* --- libcurl and the loop --- */

static void arm(struct client *client, struct client_socket *socket)
{
  bool was_armed = socket->armed;
  socket->armed = client->loop.watch(client->loop.context, socket->fd, socket->interest) == 0;
  if (was_armed && !socket->armed) client->unarmed_count++;
  if (!was_armed && socket->armed) client->unarmed_count--;
}

static void forget(struct client *client, struct client_socket *socket)
{
  if (!socket->armed) client->unarmed_count--;
  client->loop.unwatch(client->loop.context, socket->fd);
  *socket = client->sockets[--client->socket_count];
}

/* A scan: there are about as many as requests in flight. */
static struct client_socket *find_socket(struct client *client, int fd)
{
  for (uint32_t i = 0; i < client->socket_count; i++) {
    if (client->sockets[i].fd == fd) return &client->sockets[i];
  }
  return NULL;
}

/* CURLMOPT_SOCKETFUNCTION. Anything but 0 would end all transfers. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
  (void)easy;
  (void)unused;
  struct client *client = context;
  struct client_socket *socket = find_socket(client, fd);
  uint32_t interest = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) interest |= WORLD_READ;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) interest |= WORLD_WRITE;
  if (interest == 0) {
    if (socket != NULL) forget(client, socket);
    return 0;
  }
  if (socket == NULL) {
    /* A transfer whose socket found no room ends with its timeout. */
    if (client->socket_count == client->socket_capacity) return 0;
    socket = &client->sockets[client->socket_count++];
    *socket = (struct client_socket){.fd = fd};
    client->unarmed_count++;
  }
  socket->interest = interest;
  arm(client, socket);
  return 0;
}

/* CURLMOPT_TIMERFUNCTION. One more, because our clock is cut to milliseconds: never early. */
static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
  (void)multi;
  struct client *client = context;
  client->curl_due_ms = timeout_ms < 0 ? INT64_MAX
                                       : clock_of(client) + timeout_ms + (timeout_ms > 0);
  return 0;
}

/* What fails is told as the end of its transfer; a code here would only repeat that. */
static void act(struct client *client, curl_socket_t fd, int ready)
{
  int active = 0;
  curl_multi_socket_action(client->multi, fd, ready, &active);
  client->ends_to_tell = (uint32_t)active < client->counts.running;
}

/* libcurl goes from step to step by timers of 0 ms, which a loop with coarse timers would delay. */
static void run_curl(struct client *client, int64_t now_ms)
{
  for (int round = 0; round < ROUNDS_MAX && client->curl_due_ms <= now_ms; round++) {
    client->curl_due_ms = INT64_MAX;
    act(client, CURL_SOCKET_TIMEOUT, 0);
  }
}

/*
 * Runs every transfer once, whatever its socket says. With several HTTP/2 streams libcurl 7.88 at
 * times leaves a transfer asleep although its bytes have been read from the socket: nothing would
 * wake it before its next timeout. A nudge that brought something may have left something, too.
 */
static void nudge(struct client *client, int64_t now_ms)
{
  if (client->nudge_ms > now_ms) return;
  uint64_t before = client->progress;
  int active = 0;
  CURL_IGNORE_DEPRECATION(curl_multi_socket_all(client->multi, &active);)
  client->ends_to_tell = (uint32_t)active < client->counts.running;
  client->nudge_ms = client->progress == before ? INT64_MAX : now_ms;
  client->nudged_progress = client->progress;
}

/* What a timer of libcurl brought needs one like what a socket brought. */
static void plan_nudge(struct client *client, int64_t now_ms)
{
  if (client->tls_running == 0)
    client->nudge_ms = INT64_MAX;
  else if (client->nudge_ms == INT64_MAX && client->progress != client->nudged_progress)
    client->nudge_ms = now_ms + NUDGE_MS;
}

static void tell_ends(struct client *client, int64_t now_ms)
{
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    char *private = NULL;
    CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK);
    end_attempt(client, (struct client_call *)(void *)private, code, now_ms);
  }
  client->ends_to_tell = false;
}

/* Callbacks may change the list, so it is looked at from its beginning each time. */
static void run_due(struct client *client, int64_t now_ms)
{
  struct client_call *call;
  while ((call = client->lists[CLIENT_LIST_DUE].first) != NULL && call->due_ms <= now_ms) {
    enum client_state state = call->state;
    leave_state(client, call);
    if (call->start_failed)
      finish(client, call, CLIENT_MEMORY, CURLE_OK);
    else if (state == CLIENT_WAITING && call->deadline_ms > now_ms)
      enter_queue(client, call);
    else
      finish(client, call, CLIENT_TIMEOUT, CURLE_OK);
  }
}

static void arm_all(struct client *client)
{
  for (uint32_t i = 0; i < client->socket_count && client->unarmed_count > 0; i++) {
    if (!client->sockets[i].armed) arm(client, &client->sockets[i]);
  }
}

/* Tells the loop when to come back; invariant: no work is left that nothing would wake us for. */
static void set_timer(struct client *client, int64_t now_ms)
{
  int64_t next_ms = earlier(client->curl_due_ms, client->nudge_ms);
  const struct client_call *due = client->lists[CLIENT_LIST_DUE].first;
  if (due != NULL) next_ms = earlier(next_ms, due->due_ms);
  if (client->ends_to_tell) next_ms = earlier(next_ms, now_ms);
  if (client->lists[CLIENT_LIST_QUEUE].first != NULL &&
      client->counts.running < client->options.in_flight)
    next_ms = earlier(next_ms, now_ms);
  if (client->unarmed_count > 0) next_ms = earlier(next_ms, now_ms + WATCH_RETRY_MS);
  if (next_ms == client->timer_ms) return;
  client->timer_ms = next_ms;
  client->loop.set_timer(client->loop.context, next_ms);
}

/* Every public function that may change something is between these two. */
static void enter(struct client *client)
{
  client->depth++;
}

static void leave(struct client *client, int64_t now_ms)
{
  CHECK_THAT(client->depth, >, 0);
  if (client->depth == 1 && !client->closing) {
    start_queued(client, now_ms);
    run_curl(client, now_ms);
    plan_nudge(client, now_ms);
    arm_all(client);
    set_timer(client, now_ms);
  }
  client->depth--;
}

void client_ready(struct client *client, int fd, uint32_t ready)
{
  struct client_socket *socket = find_socket(client, fd);
  /* An event of the batch in which libcurl let go of it. */
  if (socket == NULL) return;
  CHECK_THAT(client->depth, ==, 0);
  int64_t now_ms = clock_of(client);
  enter(client);
  if (socket->armed) {
    socket->armed = false;
    client->unarmed_count++;
  }
  /* Nothing that it wants, an error perhaps: with 0 libcurl looks for itself. */
  int wanted = 0;
  if ((ready & socket->interest & WORLD_READ) != 0) wanted |= CURL_CSELECT_IN;
  if ((ready & socket->interest & WORLD_WRITE) != 0) wanted |= CURL_CSELECT_OUT;
  act(client, fd, wanted);
  run_curl(client, now_ms);
  client->nudge_ms = earlier(client->nudge_ms, now_ms + NUDGE_MS);
  tell_ends(client, now_ms);
  leave(client, now_ms);
}

void client_timer(struct client *client, int64_t now_ms)
{
  CHECK_THAT(client->depth, ==, 0);
  enter(client);
  client->timer_ms = INT64_MAX;
  run_curl(client, now_ms);
  nudge(client, now_ms);
  tell_ends(client, now_ms);
  run_due(client, now_ms);
  leave(client, now_ms);
}

struct client_counts client_counts(const struct client *client)
{
  return client->counts;
}

bool client_send(struct client *client, const struct client_request *request, client_done *callback,
                 void *context, struct client_handle *handle, struct error *error)
{
  if (handle != NULL) *handle = (struct client_handle){0};
  if (client->closing || client->free_slot == NO_SLOT)
    return error_set(error, ERROR_LIMIT, "%u requests are under way or wait: retry later",
                     client->slot_count);
  struct client_request whole = client_request_complete(request);
  struct client_call *call = memory_alloc_zeroed(client->memory, sizeof(*call));
  if (call == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a request");
  if (!client_call_init(call, client->memory, &whole, &client->options, &client->progress, error)) {
    destroy_call(client, call);
    return false;
  }
  int64_t now_ms = clock_of(client);
  call->callback = callback;
  call->context = context;
  call->sent_ms = now_ms;
  call->deadline_ms = now_ms + whole.total_ms;
  call->slot = client->free_slot;
  struct client_slot *slot = &client->slots[call->slot];
  client->free_slot = slot->next_free;
  slot->call = call;
  if (handle != NULL) *handle = (struct client_handle){call->slot, slot->generation};

  enter(client);
  enter_queue(client, call);
  leave(client, now_ms);
  return true;
}

bool client_cancel(struct client *client, struct client_handle handle)
{
  if (handle.generation == 0 || handle.slot >= client->slot_count) return false;
  struct client_slot *slot = &client->slots[handle.slot];
  struct client_call *call = slot->call;
  if (call == NULL || slot->generation != handle.generation) return false;
  enter(client);
  leave_state(client, call);
  finish(client, call, CLIENT_CANCELLED, CURLE_OK);
  leave(client, clock_of(client));
  return true;
}

/* --- making and freeing --- */

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
  return value > 0 ? value : fallback;
}

static bool check_options(const struct client_options *options, struct error *error)
{
  static const char too_large[] = "%s of the client is %u, at most %d are possible";
  if (options->in_flight > CLIENT_IN_FLIGHT_MAX)
    return error_set(error, ERROR_LIMIT, too_large, "in_flight", options->in_flight,
                     CLIENT_IN_FLIGHT_MAX);
  if (options->queued > CLIENT_QUEUED_MAX)
    return error_set(error, ERROR_LIMIT, too_large, "queued", options->queued, CLIENT_QUEUED_MAX);
  if (options->connections > CLIENT_CONNECTIONS_MAX)
    return error_set(error, ERROR_LIMIT, too_large, "connections", options->connections,
                     CLIENT_CONNECTIONS_MAX);
  return true;
}

/* Now, rather than as a failure of every request. */
static bool check_ca_file(struct world *world, const char *path, struct error *error)
{
  if (path == NULL) return true;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0) return error_set_errno(error, -file, "trusted certificates %s", path);
  world->operations->file_close(world, file);
  return true;
}

/* Texts of the options are ours too: requests are set up with them until the end. */
static bool copy_option(struct memory *memory, const char **text)
{
  if (*text == NULL) return true;
  size_t size = strlen(*text) + 1;
  char *copy = memory_alloc(memory, size);
  if (copy != NULL) memcpy(copy, *text, size);
  *text = copy;
  return copy != NULL;
}

static void free_option(struct memory *memory, const char *text)
{
  if (text != NULL) memory_free(memory, (char *)text, strlen(text) + 1);
}

static bool set_up_multi(struct client *client)
{
  CURLM *multi = client->multi = curl_multi_init();
  const struct client_options *options = &client->options;
  return multi != NULL &&
         curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)options->connections) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)options->connections) ==
             CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                           (long)options->connections_per_host) == CURLM_OK;
}

static bool set_up(struct client *client)
{
  struct client_options *options = &client->options;
  const char *ca_file = options->ca_file, *user_agent = options->user_agent;
  options->ca_file = options->user_agent = NULL;
  if (!copy_option(client->memory, &ca_file)) return false;
  options->ca_file = ca_file;
  if (!copy_option(client->memory, &user_agent)) return false;
  options->user_agent = user_agent;
  client->slots = memory_alloc_zeroed(client->memory, client->slot_count * sizeof(*client->slots));
  client->sockets = memory_alloc_zeroed(client->memory,
                                        client->socket_capacity * sizeof(*client->sockets));
  if (client->slots == NULL || client->sockets == NULL) return false;
  for (uint32_t i = 0; i < client->slot_count; i++) {
    client->slots[i].generation = 1;
    client->slots[i].next_free = i + 1 < client->slot_count ? i + 1 : NO_SLOT;
  }
  return set_up_multi(client);
}

struct client *client_new(struct memory *memory, struct world *world,
                          const struct client_loop *loop, const struct client_options *options,
                          struct error *error)
{
  if (!check_options(options, error) || !check_ca_file(world, options->ca_file, error)) return NULL;
  struct client *client = memory_alloc_zeroed(memory, sizeof(*client));
  if (client == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the HTTP client");
    return NULL;
  }
  client->memory = memory;
  client->world = world;
  client->loop = *loop;
  client->options = *options;
  client->options.in_flight = or_default(options->in_flight, 64);
  client->options.queued = or_default(options->queued, 1024);
  client->options.connections = or_default(options->connections, 64);
  client->options.connections_per_host = or_default(options->connections_per_host, 16);
  client->slot_count = client->options.in_flight + client->options.queued;
  client->socket_capacity = SOCKETS_PER_TRANSFER * client->options.in_flight +
                            client->options.connections;
  client->curl_due_ms = INT64_MAX;
  client->nudge_ms = INT64_MAX;
  client->timer_ms = INT64_MAX;
  if (!set_up(client)) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the HTTP client");
    client_free(client);
    return NULL;
  }
  return client;
}

void client_free(struct client *client)
{
  if (client == NULL) return;
  CHECK_THAT(client->depth, ==, 0);
  client->closing = true;
  for (uint32_t i = 0; client->slots != NULL && i < client->slot_count; i++) {
    if (client->slots[i].call != NULL)
      client_cancel(client, (struct client_handle){i, client->slots[i].generation});
  }
  /* Closes connections, and has them unwatched on the way. */
  if (client->multi != NULL) curl_multi_cleanup(client->multi);
  while (client->socket_count > 0) forget(client, &client->sockets[0]);
  if (client->timer_ms != INT64_MAX) client->loop.set_timer(client->loop.context, INT64_MAX);
  free_option(client->memory, client->options.ca_file);
  free_option(client->memory, client->options.user_agent);
  memory_free(client->memory, client->slots, client->slot_count * sizeof(*client->slots));
  memory_free(client->memory, client->sockets, client->socket_capacity * sizeof(*client->sockets));
  memory_free(client->memory, client, sizeof(*client));
}
