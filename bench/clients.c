#include "clients.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  OTHER_DESCRIPTORS = 100, /* besides connections, in client and server */
  FIRST_SOURCE = 2,        /* 127.0.0.2 */
};

int client_descriptors(int wanted)
{
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max >= (rlim_t)wanted + OTHER_DESCRIPTORS) return wanted;
  CHECK_THAT(limit.rlim_max, >, OTHER_DESCRIPTORS);
  return (int)limit.rlim_max - OTHER_DESCRIPTORS;
}

static void set_option(int stream, int level, int option)
{
  int on = 1;
  CHECK(setsockopt(stream, level, option, &on, sizeof on) == 0);
}

int client_try_connect(uint16_t port, uint32_t source)
{
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000U | source)};
  struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
  int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(stream >= 0);
  set_option(stream, IPPROTO_TCP, TCP_NODELAY);
  CHECK(setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  if (source != 0) {
    /* The port is chosen when it is known where to: so that each destination has all of them. */
    set_option(stream, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    CHECK(bind(stream, (struct sockaddr *)&from, sizeof from) == 0);
  }
  if (connect(stream, (struct sockaddr *)&to, sizeof to) == 0) return stream;
  CHECK_THAT(errno, ==, ECONNREFUSED);
  close(stream);
  return -1;
}

int client_connect(uint16_t port, uint32_t source)
{
  int stream = client_try_connect(port, source);
  CHECK_THAT(stream, >=, 0);
  return stream;
}

void client_send(int stream, struct bytes request)
{
  ssize_t sent = send(stream, request.data, request.size, MSG_NOSIGNAL);
  CHECK_THAT(sent, ==, (ssize_t)request.size);
}

static size_t read_more(int stream, char text[CLIENT_REPLY_BYTES], size_t used)
{
  CHECK_THAT(used, <, CLIENT_REPLY_BYTES - 1);
  ssize_t got = recv(stream, text + used, CLIENT_REPLY_BYTES - 1 - used, 0);
  CHECK_THAT(got, >, 0);
  text[used + (size_t)got] = 0;
  return used + (size_t)got;
}

size_t client_read_until(int stream, struct bytes end, char text[CLIENT_REPLY_BYTES])
{
  size_t used = 0;
  do {
    used = read_more(stream, text, used);
  } while (used < end.size || memcmp(text + used - end.size, end.data, end.size) != 0);
  return used;
}

const char *client_body(const char *reply)
{
  const char *head_end = strstr(reply, "\r\n\r\n");
  CHECK(head_end != NULL);
  return head_end + 4;
}

size_t client_ask(int stream, struct bytes request, char reply[CLIENT_REPLY_BYTES])
{
  client_send(stream, request);
  size_t used = 0;
  do {
    used = read_more(stream, reply, used);
  } while (strstr(reply, "\r\n\r\n") == NULL);
  CHECK(strncmp(reply, "HTTP/1.1 2", 10) == 0);
  const char *length = strcasestr(reply, "\r\ncontent-length:");
  size_t size = (size_t)(client_body(reply) - reply);
  if (length != NULL && length < reply + size) size += strtoul(length + 17, NULL, 10);
  while (used < size) used = read_more(stream, reply, used);
  CHECK_THAT(used, ==, size);
  return size;
}

void crowd_open(struct crowd *crowd, uint16_t port, int count, struct bytes request,
                struct bytes end)
{
  char reply[CLIENT_REPLY_BYTES];
  *crowd = (struct crowd){.count = count, .streams = calloc((size_t)count, sizeof(int))};
  CHECK(crowd->streams != NULL);
  for (int i = 0; i < count; i++) {
    size_t size;
    int stream = client_connect(port, FIRST_SOURCE + (uint32_t)i / CLIENTS_PER_ADDRESS);
    if (end.size == 0) {
      size = client_ask(stream, request, reply);
    } else {
      client_send(stream, request);
      size = client_read_until(stream, end, reply);
    }
    if (i == 0) crowd->reply_bytes = size;
    CHECK_THAT(size, ==, crowd->reply_bytes);
    crowd->streams[i] = stream;
  }
}

void crowd_close(struct crowd *crowd)
{
  /* Without a port in TIME_WAIT for each: the next rows need ports too. */
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < crowd->count; i++) {
    CHECK(setsockopt(crowd->streams[i], SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    close(crowd->streams[i]);
  }
  free(crowd->streams);
  *crowd = (struct crowd){0};
}

void crowd_stop_waiting(const struct crowd *crowd)
{
  for (int i = 0; i < crowd->count; i++) CHECK(fcntl(crowd->streams[i], F_SETFL, O_NONBLOCK) == 0);
}
