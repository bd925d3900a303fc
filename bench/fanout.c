#include "fanout.h"

#include "base/check.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  EVENTS_PER_WAIT = 256,
  CHUNK_BYTES = 8, /* "0123", CR LF, the event, CR LF */
};

/* The end of what net_server sends first. */
static const struct bytes HELLO_END = {(const uint8_t *)"data: {}\n\n\r\n", 12};

void fanout_open(struct fanout *fanout, uint16_t port, int count)
{
  crowd_open(&fanout->streams, port, count,
             BYTES("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"),
             HELLO_END);
  crowd_stop_waiting(&fanout->streams);
  fanout->publisher = client_connect(port, 0);
  fanout->poller = epoll_create1(EPOLL_CLOEXEC);
  fanout->lacking = calloc((size_t)count, sizeof *fanout->lacking);
  CHECK(fanout->poller >= 0 && fanout->lacking != NULL);
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    CHECK(epoll_ctl(fanout->poller, EPOLL_CTL_ADD, fanout->streams.streams[i], &event) == 0);
  }
}

void fanout_close(struct fanout *fanout)
{
  crowd_close(&fanout->streams);
  free(fanout->lacking);
  close(fanout->poller);
  close(fanout->publisher);
}

/* Whether this was the last piece of the event. */
static bool receive(struct fanout *fanout, uint32_t at)
{
  char text[CLIENT_REPLY_BYTES];
  ssize_t got = recv(fanout->streams.streams[at], text, sizeof text, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  CHECK_THAT(got, >, 0);
  CHECK_THAT((size_t)got, <=, fanout->lacking[at]);
  fanout->lacking[at] -= (size_t)got;
  return fanout->lacking[at] == 0;
}

double fanout_publish(struct fanout *fanout, int number)
{
  char event[256];
  char request[512];
  char reply[CLIENT_REPLY_BYTES];
  int size = snprintf(event, sizeof event,
                      "id: %08d\nevent: availability\ndata: {\"event_id\":\"evt_2026_1001\","
                      "\"available\":%05d,\"held\":512,\"sold\":1024}\n\n",
                      number, 40000 + number);
  int length = snprintf(request, sizeof request,
                        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s",
                        size, event);
  int left = fanout->streams.count;
  for (int i = 0; i < left; i++) fanout->lacking[i] = (size_t)size + CHUNK_BYTES;
  int64_t begin_ns = report_now_ns();
  client_send(fanout->publisher, bytes_of(request, (size_t)length));
  while (left > 0) {
    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(fanout->poller, events, EVENTS_PER_WAIT, CLIENT_PATIENCE_S * 1000);
    CHECK(ready > 0 || (ready < 0 && errno == EINTR));
    for (int i = 0; i < ready; i++)
      if (receive(fanout, events[i].data.u32)) left--;
  }
  int64_t end_ns = report_now_ns();
  client_read_until(fanout->publisher, BYTES("\r\n\r\n"), reply);
  CHECK(strncmp(reply, "HTTP/1.1 204", 12) == 0);
  return (double)(end_ns - begin_ns) / 1e6;
}
