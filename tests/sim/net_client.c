#include "sim/net_client.h"

#include "base/check.h"

#include <errno.h>

bool net_client_open(struct net_client *client, struct world *world,
                     const struct world_address *address, struct memory *memory)
{
  *client = (struct net_client){.world = world};
  buffer_init(&client->in, memory);
  client->stream = world->net->connect(world, address);
  return client->stream >= 0;
}

void net_client_close(struct net_client *client)
{
  if (client->stream >= 0) client->world->net->close(client->world, client->stream);
  client->stream = -1;
}

void net_client_free(struct net_client *client)
{
  net_client_close(client);
  buffer_free(&client->in);
}

static void note_error(struct net_client *client, int64_t result)
{
  if (result < 0 && result != -EAGAIN && client->error == 0) client->error = (int)-result;
}

size_t net_client_write(struct net_client *client, struct bytes bytes)
{
  size_t sent = 0;
  while (client->stream >= 0 && sent < bytes.size) {
    int64_t got = client->world->net->write(client->world, client->stream, bytes.data + sent,
                                            bytes.size - sent);
    note_error(client, got);
    if (got < 0) break;
    sent += (size_t)got;
  }
  return sent;
}

void net_client_finish(struct net_client *client)
{
  if (client->stream >= 0)
    note_error(client, client->world->net->shutdown(client->world, client->stream));
}

void net_client_read(struct net_client *client)
{
  enum { READ_BYTES = 65536 };
  uint8_t piece[READ_BYTES];
  while (client->stream >= 0 && !client->paused && !client->ended && client->error == 0) {
    int64_t got = client->world->net->read(client->world, client->stream, piece, sizeof piece);
    note_error(client, got);
    if (got == 0) client->ended = true;
    if (got <= 0) break;
    CHECK(buffer_append(&client->in, bytes_of(piece, (size_t)got)));
  }
}

void net_client_take(struct net_client *client, size_t size)
{
  CHECK_THAT(size, <=, client->in.size);
  client->in.size -= size;
  memmove(client->in.data, client->in.data + size, client->in.size);
}

/* ---- replies ---- */

/* "name: value": a name of letters, digits and dashes, one space, no control character. */
static bool is_field(struct bytes line)
{
  size_t colon = bytes_find(line, BYTES(": "));
  if (colon == 0 || colon == SIZE_MAX) return false;
  for (size_t i = 0; i < colon; i++) {
    uint8_t byte = line.data[i];
    uint8_t lower = byte | 0x20;
    if (!(lower >= 'a' && lower <= 'z') && byte != '-' && !(byte >= '0' && byte <= '9'))
      return false;
  }
  for (size_t i = colon; i < line.size; i++)
    if (line.data[i] < 0x20 || line.data[i] == 0x7f) return false;
  return true;
}

static bool is_status_line(struct bytes line, uint16_t *status)
{
  if (line.size < 14 || !bytes_starts_with(line, BYTES("HTTP/1.1 ")) || line.data[12] != ' ')
    return false;
  unsigned value = 0;
  for (size_t i = 9; i < 12; i++) {
    if (line.data[i] < '0' || line.data[i] > '9') return false;
    value = value * 10 + (unsigned)(line.data[i] - '0');
  }
  *status = (uint16_t)value;
  return value >= 100 && value <= 599;
}

/* Whether each line of the head is what it must be. */
static bool is_head(struct bytes head, uint16_t *status)
{
  bool first = true;
  while (head.size > 2) {
    size_t end = bytes_find(head, BYTES("\r\n"));
    struct bytes line = bytes_of(head.data, end);
    if (first ? !is_status_line(line, status) : !is_field(line)) return false;
    first = false;
    head = bytes_of(head.data + end + 2, head.size - end - 2);
  }
  return !first;
}

struct bytes net_reply_header(const struct net_reply *reply, struct bytes lower_name)
{
  struct bytes rest = reply->head;
  while (rest.size > 2) {
    size_t end = bytes_find(rest, BYTES("\r\n"));
    struct bytes line = bytes_of(rest.data, end);
    if (bytes_starts_with(line, lower_name) && line.size >= lower_name.size + 2 &&
        line.data[lower_name.size] == ':')
      return bytes_of(line.data + lower_name.size + 2, line.size - lower_name.size - 2);
    rest = bytes_of(rest.data + end + 2, rest.size - end - 2);
  }
  return (struct bytes){NULL, 0};
}

static bool length_of(struct bytes text, size_t *length)
{
  *length = 0;
  if (text.size == 0 || text.size > 12) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *length = *length * 10 + (size_t)(text.data[i] - '0');
  }
  return true;
}

enum net_reply_parse net_reply_parse(struct bytes input, bool to_head, struct net_reply *reply)
{
  static const struct bytes end = {(const uint8_t *)"\r\n\r\n", 4};
  *reply = (struct net_reply){0};
  size_t head_end = bytes_find(input, end);
  if (head_end == SIZE_MAX) return NET_REPLY_MORE;
  reply->head = bytes_of(input.data, head_end + end.size);
  if (!is_head(reply->head, &reply->status)) return NET_REPLY_BAD;
  reply->size = reply->head.size;
  reply->chunked = bytes_equal(net_reply_header(reply, BYTES("transfer-encoding")),
                               BYTES("chunked"));
  reply->close = bytes_equal(net_reply_header(reply, BYTES("connection")), BYTES("close"));
  struct bytes length_text = net_reply_header(reply, BYTES("content-length"));
  size_t length = 0;
  if (length_text.data != NULL && !length_of(length_text, &length)) return NET_REPLY_BAD;
  bool bodiless = reply->status < 200 || reply->status == 204 || reply->status == 304;
  if (bodiless && (length_text.data != NULL || reply->chunked)) return NET_REPLY_BAD;
  if (bodiless || to_head || reply->chunked) return NET_REPLY_DONE;
  if (length_text.data == NULL) return NET_REPLY_BAD;
  if (input.size - reply->size < length) return NET_REPLY_MORE;
  reply->body = bytes_of(input.data + reply->size, length);
  reply->size += length;
  return NET_REPLY_DONE;
}
