/*
 * Between the files of the client; nobody else includes this. Same memory, same thread as client.h.
 *
 *     client.c            the loop, the queue and the states
 *     client_request.c    a request checked, copied and told to libcurl
 *     client_response.c   a reply gathered within its bounds, and what its end means
 *     client_retry.c      whether and when there is another attempt; pure
 */
#ifndef TACOS_NET_CLIENT_PARTS_H
#define TACOS_NET_CLIENT_PARTS_H

#include "base/arena.h"
#include "net/client.h"

#include <curl/curl.h>

/* --- a reply --- */

struct client_field {
  uint32_t name_at; /* in head; the value follows its name */
  uint16_t name_bytes;
  uint16_t value_bytes;
};

_Static_assert(CLIENT_REPLY_HEADER_BYTES <= UINT16_MAX, "a size of a field fits");

struct client_reply {
  struct buffer head; /* names and values back to back */
  struct buffer body;
  size_t body_bytes_max;
  uint64_t *progress;          /* counts the pieces received */
  uint32_t head_bytes;         /* received, of all lines */
  uint16_t status;             /* of the last status line */
  bool head_done;              /* its empty line came: what follows is body, then trailers */
  enum client_outcome refused; /* why a callback stopped the transfer; CLIENT_OK: it did not */
  uint32_t field_count;
  struct client_field fields[CLIENT_REPLY_HEADERS_MAX];
};

/* *progress outlives the reply. */
void client_reply_init(struct client_reply *reply, struct memory *memory, size_t body_bytes_max,
                       uint64_t *progress);
void client_reply_free(struct client_reply *reply);
void client_reply_clear(struct client_reply *reply);

/* libcurl's callbacks; `context` is the reply. What is not `size` stops the transfer. */
size_t client_reply_take_header(char *data, size_t one, size_t size, void *context);
size_t client_reply_take_body(char *data, size_t one, size_t size, void *context);

/* Points headers at what the reply holds; they are valid until it changes. */
void client_reply_headers(const struct client_reply *reply,
                          struct http_header headers[CLIENT_REPLY_HEADERS_MAX]);

/* What an attempt came to. `began`: at least one byte of a reply was received. */
enum client_outcome client_outcome_of(CURLcode code, const struct client_reply *reply, bool began);

/* Writes what happened for an operator (client_response.text). */
void client_describe(char text[CLIENT_TEXT_BYTES], const char *origin, enum client_outcome outcome,
                     CURL *easy, CURLcode code);

/* --- retries --- */

/* Whether another attempt may come to more; `began` as above. */
bool client_retry_is_worth(enum client_outcome outcome, uint16_t status, bool began);

/* Milliseconds to wait after `attempts` (1 or more) attempts. */
uint32_t client_retry_backoff_ms(struct world *world, uint32_t base_ms, uint32_t max_ms,
                                 uint32_t attempts);

/* Retry-After in seconds as milliseconds, at most CLIENT_RETRY_AFTER_MS_MAX; another form is 0. */
uint32_t client_retry_after_ms(struct bytes value);

/* --- a request --- */

enum client_state {
  CLIENT_QUEUED,
  CLIENT_RUNNING,
  CLIENT_WAITING,
};

enum client_list_name {
  CLIENT_LIST_QUEUE, /* QUEUED ones, first come first served */
  CLIENT_LIST_DUE,   /* QUEUED and WAITING ones by due_ms */
  CLIENT_LIST_COUNT,
};

struct client_call {
  struct {
    struct client_call *next, *previous;
  } links[CLIENT_LIST_COUNT];
  enum client_state state;
  uint32_t slot;
  int64_t due_ms;      /* QUEUED: when total_ms is over. WAITING: when to queue again */
  int64_t sent_ms;     /* client_send */
  int64_t deadline_ms; /* total_ms is over */
  uint32_t attempts_made;
  bool start_failed; /* WAITING for the report that there was no memory to begin */

  client_done *callback;
  void *context;

  CURL *easy;
  struct arena arena; /* of everything below, and of what `easy` points to */
  const char *origin; /* "https://example.com:8443", for texts */
  bool is_tls;        /* and so maybe HTTP/2 */
  uint32_t timeout_ms;
  uint32_t attempts; /* 1 when it may not be repeated */
  uint32_t backoff_ms;
  uint32_t backoff_max_ms;

  struct client_reply reply;
};

/* Fills in the defaults. */
struct client_request client_request_complete(const struct client_request *request);

/*
 * Makes a call of a request (completed): checks it, copies it and sets `easy` up for it. False with
 * *error; client_call_free is due in both cases. The call is zeroed memory.
 */
bool client_call_init(struct client_call *call, struct memory *memory,
                      const struct client_request *request, const struct client_options *options,
                      uint64_t *progress, struct error *error);
void client_call_free(struct client_call *call);

/* Sets up for another attempt with `left_ms` of its total time. */
void client_call_begin(struct client_call *call, int64_t left_ms);

#endif
