#include "provider/rpc_message.h"

#include "base/check.h"
#include "provider/text.h"

#define NEW(arena, type) text_alloc((arena), 1, sizeof(type))

static void *allocate(void *arena, size_t size)
{
  return arena_alloc(arena, size);
}

static void forget(void *arena, void *block)
{
  (void)arena;
  (void)block;
}

ProtobufCAllocator rpc_allocator(struct arena *arena)
{
  return (ProtobufCAllocator){allocate, forget, arena};
}

void *rpc_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                 struct bytes message)
{
  ProtobufCAllocator allocator = rpc_allocator(arena);
  return protobuf_c_message_unpack(descriptor, &allocator, message.size, message.data);
}

struct bytes rpc_pack(struct arena *arena, const ProtobufCMessage *message)
{
  size_t size = protobuf_c_message_get_packed_size(message);
  uint8_t *packed = text_alloc(arena, size + 1, 1);
  size_t written = protobuf_c_message_pack(message, packed);
  CHECK_THAT(written, ==, size);
  return bytes_of(packed, size);
}

struct bytes rpc_text(const char *text)
{
  return text == NULL ? bytes_of(NULL, 0) : bytes_of_text(text);
}

bool rpc_value(struct arena *arena, const Tfplugin6__DynamicValue *message, const struct type *type,
               struct value *value, struct error *error)
{
  *value = VALUE_NOTHING;
  if (message == NULL) return true;
  struct value raw = VALUE_NOTHING;
  if (message->msgpack.len > 0) {
    struct bytes bytes = bytes_of(message->msgpack.data, message->msgpack.len);
    if (!value_from_msgpack(arena, bytes, &raw, error)) return false;
  } else if (message->json.len > 0) {
    struct bytes bytes = bytes_of(message->json.data, message->json.len);
    if (!value_from_json(arena, bytes, &raw, error)) return false;
  }
  return schema_conform(arena, type, &raw, value, error);
}

Tfplugin6__DynamicValue *rpc_dynamic(struct arena *arena, const struct value *value)
{
  Tfplugin6__DynamicValue *message = NEW(arena, *message);
  tfplugin6__dynamic_value__init(message);
  struct bytes bytes = value_to_msgpack(arena, value);
  message->msgpack = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
  return message;
}

/* --- paths and diagnostics --- */

static Tfplugin6__AttributePath *new_path(struct arena *arena, size_t count)
{
  Tfplugin6__AttributePath *message = NEW(arena, *message);
  tfplugin6__attribute_path__init(message);
  message->n_steps = count;
  message->steps = text_alloc(arena, count, sizeof(Tfplugin6__PathStep *));
  for (size_t i = 0; i < count; i++) {
    message->steps[i] = NEW(arena, Tfplugin6__PathStep);
    tfplugin6__path_step__init(message->steps[i]);
  }
  return message;
}

static void set_name(struct arena *arena, Tfplugin6__PathStep *step, struct bytes name)
{
  step->selector_case = TFPLUGIN6__PATH_STEP__SELECTOR_ATTRIBUTE_NAME;
  step->attribute_name = text_zero_ended(arena, name);
}

Tfplugin6__AttributePath *rpc_attribute_path(struct arena *arena, struct bytes name)
{
  Tfplugin6__AttributePath *message = new_path(arena, 1);
  set_name(arena, message->steps[0], name);
  return message;
}

static Tfplugin6__AttributePath *to_path(struct arena *arena, const struct path *path)
{
  size_t count = 0;
  for (const struct path *step = path; step != NULL; step = step->parent) count++;
  if (count == 0) return NULL;
  Tfplugin6__AttributePath *message = new_path(arena, count);
  for (const struct path *step = path; step != NULL; step = step->parent) {
    Tfplugin6__PathStep *to = message->steps[--count];
    if (step->name.data != NULL) {
      set_name(arena, to, step->name);
    } else {
      to->selector_case = TFPLUGIN6__PATH_STEP__SELECTOR_ELEMENT_KEY_INT;
      to->element_key_int = (int64_t)step->index;
    }
  }
  return message;
}

Tfplugin6__Diagnostic **rpc_diagnostics(const struct diagnostics *diagnostics, size_t *count)
{
  struct arena *arena = diagnostics->arena;
  Tfplugin6__Diagnostic **all = text_alloc(arena, diagnostics->count,
                                           sizeof(Tfplugin6__Diagnostic *));
  *count = 0;
  for (const struct diagnostic *from = diagnostics->first; from != NULL; from = from->next) {
    Tfplugin6__Diagnostic *message = NEW(arena, *message);
    tfplugin6__diagnostic__init(message);
    message->severity = (Tfplugin6__Diagnostic__Severity)from->severity;
    message->summary = text_zero_ended(arena, from->summary);
    message->detail = text_zero_ended(arena, from->detail);
    message->attribute = to_path(arena, from->path);
    all[(*count)++] = message;
  }
  return all;
}

/* --- schemas --- */

static Tfplugin6__Block *to_block(struct arena *arena, const struct type *block);

static Tfplugin6__Attribute *to_attribute(struct arena *arena, const struct field *field)
{
  Tfplugin6__Attribute *message = NEW(arena, *message);
  struct buffer buffer;
  struct json_writer writer;
  tfplugin6__attribute__init(message);
  buffer_init(&buffer, arena->memory);
  json_writer_init(&writer, &buffer);
  schema_write_type(&writer, field->type);
  CHECK(json_writer_finish(&writer));
  struct bytes type = arena_copy(arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  message->name = text_zero_ended(arena, field->name);
  message->type = (ProtobufCBinaryData){type.size, (uint8_t *)type.data};
  message->required = (field->flags & FIELD_REQUIRED) != 0;
  message->optional = (field->flags & FIELD_OPTIONAL) != 0;
  message->computed = (field->flags & FIELD_COMPUTED) != 0;
  message->sensitive = (field->flags & FIELD_SENSITIVE) != 0;
  message->write_only = (field->flags & FIELD_WRITE_ONLY) != 0;
  return message;
}

static Tfplugin6__NestedBlock *to_nested(struct arena *arena, const struct field *field)
{
  Tfplugin6__NestedBlock *message = NEW(arena, *message);
  tfplugin6__nested_block__init(message);
  message->type_name = text_zero_ended(arena, field->name);
  message->min_items = field->least;
  message->max_items = field->most;
  if (field->type->kind == TYPE_OBJECT) {
    message->nesting = TFPLUGIN6__NESTED_BLOCK__NESTING__SINGLE;
    message->block = to_block(arena, field->type);
  } else {
    message->nesting = field->type->kind == TYPE_SET ? TFPLUGIN6__NESTED_BLOCK__NESTING__SET
                                                     : TFPLUGIN6__NESTED_BLOCK__NESTING__LIST;
    message->block = to_block(arena, field->type->element);
  }
  return message;
}

static Tfplugin6__Block *to_block(struct arena *arena, const struct type *block)
{
  Tfplugin6__Block *message = NEW(arena, *message);
  tfplugin6__block__init(message);
  message->attributes = text_alloc(arena, block->count, sizeof(Tfplugin6__Attribute *));
  message->block_types = text_alloc(arena, block->count, sizeof(Tfplugin6__NestedBlock *));
  for (size_t i = 0; i < block->count; i++) {
    const struct field *field = &block->fields[i];
    if (field->is_block) {
      message->block_types[message->n_block_types++] = to_nested(arena, field);
    } else {
      message->attributes[message->n_attributes++] = to_attribute(arena, field);
    }
  }
  return message;
}

Tfplugin6__Schema *rpc_schema(struct arena *arena, const struct type *block)
{
  Tfplugin6__Schema *message = NEW(arena, *message);
  tfplugin6__schema__init(message);
  message->block = to_block(arena, block);
  return message;
}
