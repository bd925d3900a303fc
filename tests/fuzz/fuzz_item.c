/*
 * Item decoding: what value_validate accepts is safe to read, and is what the writer makes of it.
 */
#include "base/check.h"
#include "store/item.h"
#include "unit/store/value_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_entries(struct value container)
{
  enum value_type type = value_type(container);
  uint32_t count = 0;
  struct value_iterator iterator = value_iterate(container);
  struct bytes name;
  struct value element;
  while (value_next(&iterator, &name, &element)) {
    CHECK(value_span(element.data) == element.size);
    if (type == VALUE_MAP)
      CHECK(value_attribute(container, name).data == element.data);
    else if (type == VALUE_LIST)
      CHECK(value_element(container, count).data == element.data);
    else
      CHECK(value_set_contains(container, element) && value_compare(element, element) == 0);
    if (value_type(element) >= VALUE_LIST) read_entries(element);
    count++;
  }
  CHECK_THAT(count, ==, value_count(container));
}

static void check_rewrite(struct value value, struct memory *memory)
{
  struct buffer buffer;
  struct value_writer writer;
  struct value again;
  struct error error;
  buffer_init(&buffer, memory);
  value_writer_init(&writer, &buffer);
  value_rewrite(value, &writer);
  CHECK(value_writer_finish(&writer, &again, &error));
  CHECK(value_equal(value, again));
  buffer_free(&buffer);
}

static void check_json(struct value value, struct memory *memory)
{
  struct arena arena;
  struct buffer json;
  struct value again;
  struct error error;
  arena_init(&arena, memory);
  buffer_init(&json, memory);
  if (value_type(value) == VALUE_MAP) {
    item_to_json(&json, value);
    CHECK(item_from_json(&arena, buffer_bytes(&json), &again, &error));
  } else {
    /* value_validate takes any container for an item: one level more than a lone value. */
    value_to_json(&json, value);
    if (!value_from_json(&arena, buffer_bytes(&json), &again, &error)) {
      CHECK(strncmp(error.message, "Nesting Levels", 14) == 0);
      again = value;
    }
  }
  CHECK(value_equal(value, again));
  buffer_free(&json);
  arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct error error;
  if (!value_validate(bytes_of(data, size), &error)) return 0;
  struct value value = {data, size};
  CHECK(value_span(data) == size);
  CHECK(value_size(value) <= 8 * size);
  if (value_type(value) >= VALUE_LIST) read_entries(value);
  check_rewrite(value, &memory);
  check_json(value, &memory);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
