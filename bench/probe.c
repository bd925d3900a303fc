#include "probe.h"

#include "base/check.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  EVENTS_PER_WAIT = 256,
  READ_BYTES = 16384,
  NS_PER_S = 1000000000,
  NS_PER_US = 1000,
};

struct progress {
  int poller;
  int64_t begin_ns;
  uint64_t sent, answered;
  uint64_t *received; /* bytes of each connection */
};

static void record(const struct probe *probe, struct progress *progress, uint32_t at,
                   uint64_t number, int64_t now_ns)
{
  uint64_t request = number * (uint64_t)probe->crowd->count + at;
  int64_t due_ns = progress->begin_ns + (int64_t)request * probe->interval_ns;
  CHECK_THAT(request, <, progress->sent);
  histogram_record(probe->latencies, (uint64_t)((now_ns - due_ns) / NS_PER_US));
  progress->answered++;
}

/* Replies come in the order of their requests and have one size: bytes tell how many there are. */
static void receive(const struct probe *probe, struct progress *progress, uint32_t at)
{
  char text[READ_BYTES];
  ssize_t got = recv(probe->crowd->streams[at], text, sizeof text, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  CHECK_THAT(got, >, 0);
  int64_t now_ns = report_now_ns();
  size_t size = probe->crowd->reply_bytes;
  uint64_t before = progress->received[at];
  progress->received[at] += (uint64_t)got;
  if (before % size == 0) CHECK(got < 10 || memcmp(text, "HTTP/1.1 2", 10) == 0);
  for (uint64_t i = before / size; i < progress->received[at] / size; i++)
    record(probe, progress, at, i, now_ns);
}

static void wait_until(const struct probe *probe, struct progress *progress, int64_t until_ns)
{
  struct epoll_event events[EVENTS_PER_WAIT];
  int64_t left_ns = until_ns - report_now_ns();
  if (left_ns < 0) left_ns = 0;
  struct timespec patience = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
  int count = epoll_pwait2(progress->poller, events, EVENTS_PER_WAIT, &patience, NULL);
  CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; i++) receive(probe, progress, events[i].data.u32);
}

static void begin(const struct probe *probe, struct progress *progress)
{
  int count = probe->crowd->count;
  *progress = (struct progress){
      .poller = epoll_create1(EPOLL_CLOEXEC),
      .received = calloc((size_t)count, sizeof *progress->received),
  };
  CHECK(progress->poller >= 0 && progress->received != NULL);
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    CHECK(epoll_ctl(progress->poller, EPOLL_CTL_ADD, probe->crowd->streams[i], &event) == 0);
  }
  progress->begin_ns = report_now_ns();
}

void probe_run(struct probe *probe)
{
  struct progress progress;
  begin(probe, &progress);
  int64_t due_ns = progress.begin_ns;
  int64_t end_ns = due_ns + probe->duration_ns;
  while (due_ns < end_ns && !probe->stop) {
    if (report_now_ns() < due_ns) {
      wait_until(probe, &progress, due_ns);
      continue;
    }
    client_send(probe->crowd->streams[progress.sent % (uint64_t)probe->crowd->count],
                probe->request);
    progress.sent++;
    due_ns = progress.begin_ns + (int64_t)progress.sent * probe->interval_ns;
  }
  end_ns = report_now_ns() + (int64_t)CLIENT_PATIENCE_S * NS_PER_S;
  while (progress.answered < progress.sent && report_now_ns() < end_ns)
    wait_until(probe, &progress, end_ns);
  probe->unanswered = progress.sent - progress.answered;
  close(progress.poller);
  free(progress.received);
}
