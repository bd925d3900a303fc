#include "queue/message_item.h"

#include "base/check.h"
#include "queue/message_check.h"

#include <string.h>

struct message_key message_key(enum message_kind kind, const uint8_t id[ID_BYTES], uint32_t part)
{
  struct message_key key;
  bool is_part = kind == MESSAGE_KIND_PART;
  uint8_t size = (uint8_t)(1 + ID_BYTES + is_part);
  key.encoded[0] = VALUE_TAG_BINARY;
  key.encoded[1] = size;
  key.encoded[2] = (uint8_t)kind;
  memcpy(key.encoded + 3, id, ID_BYTES);
  if (is_part) key.encoded[3 + ID_BYTES] = (uint8_t)part;
  key.size = 2 + size;
  return key;
}

bool message_item_kind(struct value item, enum message_kind *kind, struct bytes *id)
{
  struct value value = value_attribute(item, BYTES("i"));
  if (value_type(value) != VALUE_BINARY) return false;
  struct bytes key = value_bytes(value);
  if (key.size < 1 + ID_BYTES) return false;
  *kind = (enum message_kind)key.data[0];
  *id = bytes_of(key.data + 1, ID_BYTES);
  switch (*kind) {
  case MESSAGE_KIND_MESSAGE:
  case MESSAGE_KIND_SEEN:
    return key.size == 1 + ID_BYTES;
  case MESSAGE_KIND_PART:
    return key.size == 1 + ID_BYTES + 1;
  }
  return false;
}

static struct value copy_out(struct arena *arena, struct value_writer *writer)
{
  struct value value;
  struct error error;
  if (!value_writer_finish(writer, &value, &error)) return VALUE_NONE;
  struct bytes copy = arena_copy(arena, bytes_of(value.data, value.size));
  return (struct value){copy.data, copy.size};
}

static void write_named(struct value_writer *writer, struct bytes name, struct value value)
{
  value_write_name(writer, name);
  value_write_value(writer, value);
}

static void write_text(struct value_writer *writer, struct bytes name, struct bytes text)
{
  if (text.size == 0) return;
  value_write_name(writer, name);
  value_write_string(writer, text);
}

static void write_binary(struct value_writer *writer, struct bytes name, struct bytes binary)
{
  value_write_name(writer, name);
  value_write_binary(writer, binary);
}

struct value message_key_map(struct arena *arena, const struct message_key *key)
{
  uint8_t bytes[VALUE_HEADER_BYTES + 2 + sizeof key->encoded];
  struct value map = {bytes, (size_t)VALUE_HEADER_BYTES + 2 + key->size};
  bytes[0] = VALUE_TAG_MAP;
  bytes_put_u32(bytes + 1, 2U + key->size);
  bytes_put_u32(bytes + 5, 1);
  bytes[VALUE_HEADER_BYTES] = 1;
  bytes[VALUE_HEADER_BYTES + 1] = 'i';
  memcpy(bytes + VALUE_HEADER_BYTES + 2, key->encoded, key->size);
  struct bytes copy = arena_copy(arena, bytes_of(map.data, map.size));
  return (struct value){copy.data, copy.size};
}

/* ---- making ---- */

static void write_attributes(struct value_writer *writer, const struct queue_draft *draft)
{
  if (draft->attribute_count == 0) return;
  value_write_name(writer, BYTES("a"));
  value_write_begin(writer, VALUE_MAP);
  for (uint32_t i = 0; i < draft->attribute_count; i++) {
    const struct queue_attribute *attribute = &draft->attributes[i];
    value_write_name(writer, attribute->name);
    value_write_begin(writer, VALUE_LIST);
    value_write_string(writer, attribute->type);
    if (attribute->type.data[0] == 'B')
      value_write_binary(writer, attribute->value);
    else
      value_write_string(writer, attribute->value);
    value_write_end(writer);
  }
  value_write_end(writer);
}

static void write_contents(struct value_writer *writer, const struct queue_draft *draft)
{
  write_attributes(writer, draft);
  write_text(writer, BYTES("b"), draft->body);
}

/* Writes the contents as a map of its own and cuts it into items; 0 without memory. */
static uint32_t make_parts(const struct queue_draft *draft, const struct id *id,
                           struct buffer *scratch, struct arena *arena, struct value *parts)
{
  struct value_writer writer;
  buffer_clear(scratch);
  value_writer_init(&writer, scratch);
  value_write_begin(&writer, VALUE_MAP);
  write_contents(&writer, draft);
  value_write_end(&writer);
  struct value whole = copy_out(arena, &writer);
  uint32_t count = 0;
  for (size_t at = 0; at < whole.size; at += QUEUE_PART_BYTES, count++) {
    size_t size = whole.size - at < QUEUE_PART_BYTES ? whole.size - at : QUEUE_PART_BYTES;
    CHECK_THAT(count, <, QUEUE_PARTS_MAX);
    struct message_key key = message_key(MESSAGE_KIND_PART, id->bytes, count);
    buffer_clear(scratch);
    value_writer_init(&writer, scratch);
    value_write_begin(&writer, VALUE_MAP);
    write_binary(&writer, BYTES("c"), bytes_of(whole.data + at, size));
    write_named(&writer, BYTES("i"), message_key_value(&key));
    value_write_end(&writer);
    parts[count] = copy_out(arena, &writer);
    if (!value_present(parts[count])) return 0;
  }
  return count;
}

uint32_t message_items_make(const struct queue_draft *draft, const struct id *id,
                            struct message_state *state, struct buffer *scratch,
                            struct arena *arena, struct value items[1 + QUEUE_PARTS_MAX])
{
  bool large = queue_draft_size(draft) > QUEUE_INLINE_BYTES;
  state->parts = large ? make_parts(draft, id, scratch, arena, items + 1) : 0;
  if (large && state->parts == 0) return 0;
  struct message_key key = message_key(MESSAGE_KIND_MESSAGE, id->bytes, 0);
  struct value_writer writer;
  buffer_clear(scratch);
  value_writer_init(&writer, scratch);
  value_write_begin(&writer, VALUE_MAP); /* names in ascending order spare the writer a sort */
  if (!large) write_contents(&writer, draft);
  write_text(&writer, BYTES("d"), draft->deduplication);
  write_text(&writer, BYTES("g"), draft->group);
  write_named(&writer, BYTES("i"), message_key_value(&key));
  write_binary(&writer, BYTES("s"), bytes_of(state, sizeof *state));
  write_text(&writer, BYTES("t"), draft->trace);
  value_write_end(&writer);
  items[0] = copy_out(arena, &writer);
  return value_present(items[0]) ? 1 + state->parts : 0;
}

/* ---- reading ---- */

static struct bytes text_at(struct value map, struct bytes name)
{
  struct value value = value_attribute(map, name);
  return value_type(value) == VALUE_STRING ? value_bytes(value) : BYTES("");
}

static struct bytes state_at(struct value item)
{
  struct value value = value_attribute(item, BYTES("s"));
  return value_type(value) == VALUE_BINARY ? value_bytes(value) : BYTES("");
}

bool message_state_read(struct value item, struct message_state *state)
{
  struct bytes bytes = state_at(item);
  if (bytes.size != sizeof *state) return false;
  memcpy(state, bytes.data, sizeof *state);
  return state->parts <= QUEUE_PARTS_MAX;
}

struct value message_item_change(struct value item, const struct message_state *state,
                                 struct arena *arena)
{
  struct bytes bytes = state_at(item);
  CHECK_THAT(bytes.size, ==, sizeof *state);
  uint8_t *copy = arena_alloc(arena, item.size);
  if (copy == NULL) return VALUE_NONE;
  memcpy(copy, item.data, item.size);
  memcpy(copy + (bytes.data - item.data), state, sizeof *state);
  return (struct value){copy, item.size};
}

/* The map of a large message put together again; VALUE_NONE without memory. */
static struct value join_parts(const struct id *id, uint32_t count, const struct table *table,
                               struct arena *arena)
{
  struct bytes pieces[QUEUE_PARTS_MAX];
  size_t size = 0;
  for (uint32_t i = 0; i < count; i++) {
    struct message_key key = message_key(MESSAGE_KIND_PART, id->bytes, i);
    struct value part = store_find(table, message_key_value(&key), VALUE_NONE);
    /* A message and its parts come and go in one transaction. */
    CHECK(value_present(part));
    pieces[i] = value_bytes(value_attribute(part, BYTES("c")));
    size += pieces[i].size;
  }
  uint8_t *whole = arena_alloc(arena, size);
  if (whole == NULL) return VALUE_NONE;
  uint8_t *to = whole;
  for (uint32_t i = 0; i < count; i++) {
    memcpy(to, pieces[i].data, pieces[i].size);
    to += pieces[i].size;
  }
  return (struct value){whole, size};
}

static bool read_attributes(struct value map, struct arena *arena, struct queue_message *message)
{
  message->attribute_count = 0;
  if (value_type(map) != VALUE_MAP) return true;
  uint32_t count = value_count(map);
  message->attributes = arena_alloc_array(arena, count, sizeof *message->attributes);
  if (message->attributes == NULL) return false;
  struct value_iterator iterator = value_iterate(map);
  struct bytes name;
  struct value pair;
  while (value_next(&iterator, &name, &pair)) {
    message->attributes[message->attribute_count++] = (struct queue_attribute){
        .name = name,
        .type = value_bytes(value_element(pair, 0)),
        .value = value_bytes(value_element(pair, 1)),
    };
  }
  return true;
}

bool message_contents_read(struct value item, const struct id *id,
                           const struct message_state *state, const struct table *table,
                           struct arena *arena, struct queue_message *message)
{
  message->group = text_at(item, BYTES("g"));
  message->deduplication = text_at(item, BYTES("d"));
  message->trace = text_at(item, BYTES("t"));
  struct value contents = item;
  if (state->parts > 0) {
    contents = join_parts(id, state->parts, table, arena);
    if (!value_present(contents)) return false;
  }
  message->body = text_at(contents, BYTES("b"));
  return read_attributes(value_attribute(contents, BYTES("a")), arena, message);
}

/* ---- deduplication records ---- */

struct value message_seen_make(struct arena *arena, const uint8_t digest[ID_BYTES],
                               const struct message_seen *seen, struct buffer *scratch)
{
  struct message_key key = message_key(MESSAGE_KIND_SEEN, digest, 0);
  struct value_writer writer;
  buffer_clear(scratch);
  value_writer_init(&writer, scratch);
  value_write_begin(&writer, VALUE_MAP);
  value_write_name(&writer, BYTES("e"));
  value_write_integer(&writer, seen->until_ms);
  write_named(&writer, BYTES("i"), message_key_value(&key));
  write_binary(&writer, BYTES("m"), bytes_of(seen->message.bytes, ID_BYTES));
  value_write_name(&writer, BYTES("n"));
  value_write_integer(&writer, (int64_t)seen->sequence);
  value_write_end(&writer);
  return copy_out(arena, &writer);
}

bool message_seen_read(struct value item, struct message_seen *seen)
{
  struct value message = value_attribute(item, BYTES("m"));
  int64_t sequence;
  if (value_type(message) != VALUE_BINARY || value_bytes(message).size != ID_BYTES ||
      !value_integer(value_attribute(item, BYTES("e")), &seen->until_ms) ||
      !value_integer(value_attribute(item, BYTES("n")), &sequence))
    return false;
  memcpy(seen->message.bytes, value_bytes(message).data, ID_BYTES);
  seen->sequence = (uint64_t)sequence;
  return true;
}
