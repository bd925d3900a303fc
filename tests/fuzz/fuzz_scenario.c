/*
 * Any bytes as a scenario file: refused with a message that names file and line, or every text of
 * it can be rendered.
 */
#include "base/check.h"
#include "load/scenario.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct template *template, struct buffer *to)
{
  static struct bytes ids[] = {BYTES("A-1"), BYTES("A-2")};
  static struct seat_row rows[] = {{0, 2}};
  const struct seat_list seats = {ids, 2, rows, 1};
  const struct load_value variables[LOAD_NAMES_MAX] = {{BYTES("a\"\n"), false}};
  uint64_t random = 1;
  const struct template_source source = {
      .random = &random, .seats = &seats, .address = "10.0.0.1", .variables = variables};
  CHECK(template_render(template, &source, to));
}

static void render_step(const struct load_step *step, struct buffer *to)
{
  render(&step->path, to);
  if (step->has_body) render(&step->body, to);
  CHECK(step->header_count <= LOAD_HEADERS_MAX);
  for (uint32_t i = 0; i < step->header_count; i++) {
    size_t before = to->size;
    render(&step->headers[i], to);
    /* No header can begin another one. */
    CHECK(memchr(to->data + before, '\n', to->size - before) == NULL);
  }
  for (uint32_t i = 0; i < step->set.count; i++) render(&step->set.items[i].value, to);
  for (uint32_t i = 0; i < step->check.count; i++)
    if (!step->check.items[i].any) render(&step->check.items[i].is, to);
  buffer_clear(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct load_file file;
  struct memory memory = {0};
  struct arena arena;
  struct buffer buffer;
  struct error error = {0};
  arena_init(&arena, &memory);
  buffer_init(&buffer, &memory);
  if (scenario_read(&file, "f.json", bytes_of(data, size), &arena, &error)) {
    CHECK(file.stage_count > 0 && file.scenario_count > 0 && file.step_count > 0);
    for (uint32_t i = 0; i < file.step_count; i++) render_step(&file.steps[i], &buffer);
  } else {
    unsigned int line = 0;
    CHECK(error.code != ERROR_NONE);
    CHECK(sscanf(error.message, "f.json line %u: ", &line) == 1 && line > 0);
  }
  buffer_free(&buffer);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
