/*
 * Values from Terraform. What is read can be written, and what was written reads as the same; the
 * shape of some schema either fits or is refused. Bytes after the first, which says what they are:
 * 0 msgpack, 1 JSON, 2 lines of a schema.
 */
#include "base/check.h"
#include "provider/schema.h"
#include "provider/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_value(struct arena *arena, const struct value *value)
{
  struct error error;
  struct value back;
  struct bytes packed = value_to_msgpack(arena, value);
  CHECK(value_from_msgpack(arena, packed, &back, &error));
  CHECK(bytes_equal(value_to_msgpack(arena, &back), packed));
  struct schemas schemas;
  struct value conformed;
  CHECK(schemas_open(&schemas, arena, BYTES("resource x a:o=M(s) b@L00{c:o=n d:o=S(b)}"), &error));
  const struct type *block = schemas_find(&schemas, SCHEMA_RESOURCE, BYTES("x"), &error);
  CHECK(block != NULL);
  if (schema_conform(arena, block, value, &conformed, &error) && conformed.kind == VALUE_MAP)
    CHECK_THAT(conformed.count, ==, block->count);
}

static void run_schema(struct arena *arena, struct bytes text)
{
  struct schemas schemas;
  struct error error;
  if (!schemas_open(&schemas, arena, text, &error)) return;
  for (size_t i = 0; i < schemas.count; i++) {
    const struct schema *schema = &schemas.all[i];
    (void)schemas_find(&schemas, schema->kind, schema->name, &error);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  struct value value;
  if (size == 0) return 0;
  struct bytes input = bytes_of(data + 1, size - 1);
  arena_init(&arena, &memory);
  if (data[0] % 3 == 0 && value_from_msgpack(&arena, input, &value, &error))
    run_value(&arena, &value);
  if (data[0] % 3 == 1 && value_from_json(&arena, input, &value, &error)) run_value(&arena, &value);
  if (data[0] % 3 == 2) run_schema(&arena, input);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
