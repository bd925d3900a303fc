/*
 * Values as msgpack: Terraform's docs/plugin-protocol/object-wire-format.md says how. An extension
 * of any type is an unknown; type 12 holds refinements, of which only the text prefix (key 2) is
 * read. msgpack-c allocates what a length claims before it looks for the bytes, so check_shape
 * walks the input first and refuses lengths that the input cannot hold.
 */
#include "base/check.h"
#include "provider/text.h"
#include "provider/value.h"

#include <inttypes.h>
#include <msgpack.h>

enum {
  EXTENSION_UNKNOWN = 0,
  EXTENSION_REFINED = 12,
  REFINEMENT_NULLNESS = 1,
  REFINEMENT_PREFIX = 2,
  PREFIX_BYTES_MAX = 256, /* core cuts longer ones */
  NUMBER_BYTES = 40,      /* "%.17g" and a 64-bit integer fit */
};

/* --- the shape, before msgpack-c sees it --- */

struct shape {
  struct bytes input;
  size_t offset;
};

static bool read_length(struct shape *shape, size_t size, uint64_t *length)
{
  if (shape->input.size - shape->offset < size) return false;
  *length = 0;
  for (size_t i = 0; i < size; i++) *length = *length << 8 | shape->input.data[shape->offset++];
  return true;
}

static bool skip(struct shape *shape, uint64_t size)
{
  if (shape->input.size - shape->offset < size) return false;
  shape->offset += size;
  return true;
}

/* Payload bytes of a value without parts, and how many bytes state a length; -1: not such a type.
   The table is the one of the msgpack specification, 0xc0 to 0xdb. */
static int fixed_payload(uint8_t type, size_t *length_bytes)
{
  static const int8_t PAYLOAD[] = {
      0, -1, 0, 0,     /* nil, never used, false, true */
      0, 0,  0,        /* bin 8, 16, 32 */
      1, 1,  1,        /* ext 8, 16, 32: the type byte */
      4, 8,            /* float */
      1, 2,  4, 8,     /* uint */
      1, 2,  4, 8,     /* int */
      2, 3,  5, 9, 17, /* fixext */
      0, 0,  0,        /* str 8, 16, 32 */
  };
  static const uint8_t LENGTH[] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0,
                                   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4};
  *length_bytes = 0;
  if (type < 0x80 || type >= 0xe0) return 0;
  if (type >= 0xa0 && type < 0xc0) return type & 0x1f;
  if (type < 0xc0 || type > 0xdb) return -1;
  *length_bytes = LENGTH[type - 0xc0];
  return PAYLOAD[type - 0xc0];
}

/* Counts the parts of a list or map. */
static bool read_parts(struct shape *shape, uint8_t type, uint64_t *parts)
{
  bool is_map = (type & 0xf0) == 0x80 || type >= 0xde;
  bool is_short = type < 0xa0; /* the count is in the type byte */
  *parts = type & 0x0f;
  if (!is_short && (type < 0xdc || !read_length(shape, type % 2 == 0 ? 2 : 4, parts))) return false;
  if (is_map) *parts *= 2;
  return *parts <= shape->input.size - shape->offset; /* each takes a byte at least */
}

static bool check_shape(struct shape *shape, unsigned depth)
{
  uint64_t length = 0;
  if (!read_length(shape, 1, &length)) return false;
  uint8_t type = (uint8_t)length;
  size_t length_bytes;
  int payload = fixed_payload(type, &length_bytes);
  if (payload >= 0)
    return read_length(shape, length_bytes, &length) && skip(shape, (uint64_t)payload + length);
  uint64_t parts;
  if (depth == VALUE_DEPTH_MAX || !read_parts(shape, type, &parts)) return false;
  while (parts-- > 0) {
    if (!check_shape(shape, depth + 1)) return false;
  }
  return true;
}

/* --- reading --- */

/* The prefix that refinements promise, or nothing. They are a map of their own in the payload. */
static struct bytes refined_prefix(struct arena *arena, const msgpack_object_ext *extension)
{
  struct bytes nothing = bytes_of(NULL, 0);
  struct shape shape = {.input = bytes_of(extension->ptr, extension->size)};
  if (extension->type != EXTENSION_REFINED || !check_shape(&shape, 0)) return nothing;
  msgpack_unpacked unpacked;
  msgpack_unpacked_init(&unpacked);
  struct bytes prefix = nothing;
  if (msgpack_unpack_next(&unpacked, extension->ptr, extension->size, NULL) ==
          MSGPACK_UNPACK_SUCCESS &&
      unpacked.data.type == MSGPACK_OBJECT_MAP) {
    const msgpack_object_map *map = &unpacked.data.via.map;
    for (uint32_t i = 0; i < map->size; i++) {
      const msgpack_object_kv *entry = &map->ptr[i];
      if (entry->key.type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
          entry->key.via.u64 == REFINEMENT_PREFIX && entry->val.type == MSGPACK_OBJECT_STR)
        prefix = arena_copy(arena, bytes_of(entry->val.via.str.ptr, entry->val.via.str.size));
    }
  }
  msgpack_unpacked_destroy(&unpacked);
  return prefix;
}

static bool convert(struct arena *arena, const msgpack_object *from, struct value *to);

static bool convert_list(struct arena *arena, const msgpack_object_array *from, struct value *to)
{
  *to = value_list(arena, from->size);
  for (uint32_t i = 0; i < from->size; i++) {
    if (!convert(arena, &from->ptr[i], &to->items[i])) return false;
  }
  return true;
}

static bool convert_map(struct arena *arena, const msgpack_object_map *from, struct value *to)
{
  *to = value_map(arena, from->size);
  for (uint32_t i = 0; i < from->size; i++) {
    const msgpack_object *key = &from->ptr[i].key;
    if (key->type != MSGPACK_OBJECT_STR) return false;
    to->keys[i] = arena_copy(arena, bytes_of(key->via.str.ptr, key->via.str.size));
    if (!bytes_is_utf8(to->keys[i]) || !convert(arena, &from->ptr[i].val, &to->items[i]))
      return false;
  }
  return true;
}

static bool convert(struct arena *arena, const msgpack_object *from, struct value *to)
{
  switch (from->type) {
  case MSGPACK_OBJECT_NIL:
    *to = VALUE_NOTHING;
    return true;
  case MSGPACK_OBJECT_BOOLEAN:
    *to = value_bool(from->via.boolean);
    return true;
  case MSGPACK_OBJECT_POSITIVE_INTEGER:
    *to = (struct value){.kind = VALUE_NUMBER,
                         .text = text_format(arena, "%" PRIu64, from->via.u64)};
    return true;
  case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    *to = value_integer(arena, from->via.i64);
    return true;
  case MSGPACK_OBJECT_FLOAT32:
  case MSGPACK_OBJECT_FLOAT64:
    *to = (struct value){.kind = VALUE_NUMBER, .text = text_format(arena, "%.17g", from->via.f64)};
    return true;
  case MSGPACK_OBJECT_STR:
    *to = value_string(arena_copy(arena, bytes_of(from->via.str.ptr, from->via.str.size)));
    return bytes_is_utf8(to->text);
  case MSGPACK_OBJECT_ARRAY:
    return convert_list(arena, &from->via.array, to);
  case MSGPACK_OBJECT_MAP:
    return convert_map(arena, &from->via.map, to);
  case MSGPACK_OBJECT_EXT:
    *to = value_unknown(refined_prefix(arena, &from->via.ext));
    return true;
  case MSGPACK_OBJECT_BIN:
    break;
  }
  return false; /* binary stands only in values of the type "dynamic", which no schema here has */
}

bool value_from_msgpack(struct arena *arena, struct bytes input, struct value *value,
                        struct error *error)
{
  struct shape shape = {.input = input};
  if (!check_shape(&shape, 0) || shape.offset != input.size)
    return error_set(error, ERROR_INVALID,
                     "value is not one msgpack document, or nests deeper "
                     "than %d",
                     VALUE_DEPTH_MAX);
  msgpack_unpacked unpacked;
  msgpack_unpacked_init(&unpacked);
  bool good = msgpack_unpack_next(&unpacked, (const char *)input.data, input.size, NULL) ==
                  MSGPACK_UNPACK_SUCCESS &&
              convert(arena, &unpacked.data, value);
  msgpack_unpacked_destroy(&unpacked);
  if (good) return true;
  return error_set(error, ERROR_INVALID, "msgpack holds what no value of Terraform can be");
}

/* --- writing --- */

static int append(void *data, const char *bytes, size_t size)
{
  return buffer_append(data, bytes_of(bytes, size)) ? 0 : -1;
}

static void pack_text(msgpack_packer *packer, struct bytes text)
{
  msgpack_pack_str_with_body(packer, text.data, text.size);
}

static void pack_unknown(msgpack_packer *packer, struct bytes prefix)
{
  /* The payload of a plain unknown is ignored, but there has to be one. */
  if (prefix.size == 0) {
    msgpack_pack_ext_with_body(packer, "", 1, EXTENSION_UNKNOWN);
    return;
  }
  CHECK_THAT(prefix.size, <=, PREFIX_BYTES_MAX);
  msgpack_sbuffer refinements;
  msgpack_sbuffer_init(&refinements);
  msgpack_packer inner;
  msgpack_packer_init(&inner, &refinements, msgpack_sbuffer_write);
  msgpack_pack_map(&inner, 2);
  msgpack_pack_int(&inner, REFINEMENT_NULLNESS);
  msgpack_pack_false(&inner);
  msgpack_pack_int(&inner, REFINEMENT_PREFIX);
  pack_text(&inner, prefix);
  msgpack_pack_ext_with_body(packer, refinements.data, refinements.size, EXTENSION_REFINED);
  msgpack_sbuffer_destroy(&refinements);
}

static void pack(msgpack_packer *packer, const struct value *value)
{
  int64_t integer;
  switch (value->kind) {
  case VALUE_NULL:
    msgpack_pack_nil(packer);
    break;
  case VALUE_UNKNOWN:
    pack_unknown(packer, value->text);
    break;
  case VALUE_BOOL:
    (value->boolean ? msgpack_pack_true : msgpack_pack_false)(packer);
    break;
  case VALUE_STRING:
    pack_text(packer, value->text);
    break;
  case VALUE_NUMBER:
    /* Text is a number too, and the only form that loses no digit. */
    if (text_to_integer(value->text, &integer)) {
      msgpack_pack_int64(packer, integer);
    } else {
      pack_text(packer, value->text);
    }
    break;
  case VALUE_LIST:
    msgpack_pack_array(packer, value->count);
    for (size_t i = 0; i < value->count; i++) pack(packer, &value->items[i]);
    break;
  case VALUE_MAP:
    msgpack_pack_map(packer, value->count);
    for (size_t i = 0; i < value->count; i++) {
      pack_text(packer, value->keys[i]);
      pack(packer, &value->items[i]);
    }
    break;
  }
}

struct bytes value_to_msgpack(struct arena *arena, const struct value *value)
{
  struct buffer buffer;
  buffer_init(&buffer, arena->memory);
  msgpack_packer packer;
  msgpack_packer_init(&packer, &buffer, append);
  pack(&packer, value);
  CHECK(!buffer.failed);
  struct bytes copy = arena_copy(arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  return copy;
}
