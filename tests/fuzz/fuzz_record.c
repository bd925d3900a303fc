/*
 * Any bytes as the payload of a log record: its parts are inside it and written again are the same
 * bytes; a table's definition is refused or is a table whose definition is read back alike.
 *
 *     byte 0: 0 parts of a transaction, else a table's definition
 */
#include "base/check.h"
#include "store/record.h"
#include "store/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REGION_BYTES = 256 << 10 };

static void read_parts(struct bytes payload, struct memory *memory)
{
  struct part part;
  bool malformed = true;
  const uint8_t *next = payload.data;
  const uint8_t *end = payload.data + payload.size;
  while (part_read(&payload, &part, &malformed)) {
    CHECK(!malformed);
    size_t part_bytes = part_size(part.image.size, part.old.size);
    CHECK(part.image.data == next + PART_HEADER_BYTES);
    CHECK(part.old.data == part.image.data + part.image.size);
    CHECK(payload.data == next + part_bytes && payload.data + payload.size == end);
    uint8_t *written = memory_alloc(memory, part_bytes);
    CHECK(written != NULL);
    CHECK(part_write(written, &part) == written + part_bytes);
    /* Bytes 2 and 3 are not read, and written as zeros. */
    CHECK(memcmp(written, next, 2) == 0 && memcmp(written + 4, next + 4, part_bytes - 4) == 0);
    memory_free(memory, written, part_bytes);
    next = payload.data;
  }
  CHECK(payload.data == next);
  CHECK(malformed == (payload.size > 0));
}

/* The definition again, in a value of its own. */
static struct table *encode_and_decode(const struct table_origin *origin, const struct table *table,
                                       struct buffer *buffer, struct value *encoded)
{
  struct error error;
  buffer_init(buffer, origin->memory);
  CHECK(table_encode(table, buffer, encoded));
  CHECK(value_validate(bytes_of(encoded->data, encoded->size), &error));
  struct table *again = table_decode(origin, *encoded, &error);
  CHECK(again != NULL);
  return again;
}

static void read_table(struct bytes input, struct memory *memory)
{
  struct error error;
  if (!value_validate(input, &error)) return;
  struct heap heap;
  heap_init(&heap, memory, REGION_BYTES);
  struct table_origin origin = {memory, &heap, 1};
  struct table *table = table_decode(&origin, (struct value){input.data, input.size}, &error);
  if (table == NULL) {
    CHECK(error.code == ERROR_CORRUPT);
  } else {
    struct buffer buffers[2];
    struct value values[2];
    struct table *second = encode_and_decode(&origin, table, &buffers[0], &values[0]);
    struct table *third = encode_and_decode(&origin, second, &buffers[1], &values[1]);
    CHECK(value_equal(values[0], values[1]));
    for (int i = 0; i < 2; i++) buffer_free(&buffers[i]);
    table_free(third);
    table_free(second);
    table_free(table);
  }
  CHECK_THAT(heap.in_use, ==, 0);
  heap_free_all(&heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  if (size == 0) return 0;
  struct bytes input = bytes_of(data + 1, size - 1);
  if (data[0] == 0)
    read_parts(input, &memory);
  else
    read_table(input, &memory);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
