#include "net/trace.h"

/* version "-" trace-id "-" parent-id "-" trace-flags, in lower-case hex. */
enum {
  TRACE_ID_AT = 3,
  TRACE_ID_BYTES = 32,
  PARENT_ID_AT = TRACE_ID_AT + TRACE_ID_BYTES + 1,
  PARENT_ID_BYTES = 16,
  FLAGS_AT = PARENT_ID_AT + PARENT_ID_BYTES + 1,
  FLAGS_BYTES = 2,
  TRACEPARENT_BYTES = FLAGS_AT + FLAGS_BYTES,
};

enum { ID_BYTE = 1, HEX_BYTE = 2 };

static const uint8_t CLASSES[256] = {
    ['0' ... '9'] = ID_BYTE | HEX_BYTE,
    ['A' ... 'Z'] = ID_BYTE,
    ['a' ... 'f'] = ID_BYTE | HEX_BYTE,
    ['g' ... 'z'] = ID_BYTE,
    ['-'] = ID_BYTE,
    ['_'] = ID_BYTE,
    ['.'] = ID_BYTE,
    [':'] = ID_BYTE,
};

/* Whether all bytes are of a class. Without a branch per byte: most texts are. */
static bool all_of(struct bytes text, uint8_t class)
{
  uint8_t common = class;
  for (size_t i = 0; i < text.size; i++) common &= CLASSES[text.data[i]];
  return common != 0;
}

static bool is_id(struct bytes text)
{
  return text.size > 0 && text.size <= NET_TRACE_ID_BYTES && all_of(text, ID_BYTE);
}

/* Hex digits, not all of them 0 (W3C Trace Context 3.2.2.3, 3.2.2.4). */
static bool is_hex_id(struct bytes text)
{
  uint8_t any = 0;
  for (size_t i = 0; i < text.size; i++) any |= text.data[i] ^ '0';
  return any != 0 && all_of(text, HEX_BYTE);
}

/* The trace-id of a traceparent of version 00; empty when it is not valid. */
static struct bytes parse_traceparent(struct bytes text)
{
  if (text.size != TRACEPARENT_BYTES) return (struct bytes){NULL, 0};
  struct bytes trace_id = bytes_of(text.data + TRACE_ID_AT, TRACE_ID_BYTES);
  struct bytes parent_id = bytes_of(text.data + PARENT_ID_AT, PARENT_ID_BYTES);
  struct bytes flags = bytes_of(text.data + FLAGS_AT, FLAGS_BYTES);
  bool valid = bytes_starts_with(text, BYTES("00-")) && text.data[PARENT_ID_AT - 1] == '-' &&
               text.data[FLAGS_AT - 1] == '-' && is_hex_id(trace_id) && is_hex_id(parent_id) &&
               all_of(flags, HEX_BYTE);
  return valid ? trace_id : (struct bytes){NULL, 0};
}

struct bytes trace_id_choose(const struct http_head *head, struct id_generator *ids,
                             char buffer[NET_TRACE_ID_BYTES])
{
  struct bytes chosen = head->fields[HTTP_REQUEST_ID];
  if (!is_id(chosen)) {
    chosen = head->fields[HTTP_TRACE_ID];
    if (!is_id(chosen)) chosen = parse_traceparent(head->fields[HTTP_TRACEPARENT]);
  }
  if (chosen.size == 0) {
    struct id id = id_generate(ids);
    id_format(&id, buffer);
    return bytes_of(buffer, ID_TEXT_BYTES);
  }
  memcpy(buffer, chosen.data, chosen.size);
  return bytes_of(buffer, chosen.size);
}
