#include "cmd/config.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A text of the arena with its zero, or NULL. */
static const char *keep(struct arena *arena, struct bytes text)
{
  char *copy = arena_alloc(arena, text.size + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  return copy;
}

/* The option of the command with this name, or OPTION_COUNT. */
static enum option find_option(const struct command *command, struct bytes name)
{
  for (enum option i = 0; i < OPTION_COUNT; i++)
    if ((command->options & OPTION_BIT(i)) != 0 && i != OPTION_CONFIG &&
        bytes_equal(bytes_of_text(OPTIONS[i].name), name))
      return i;
  return OPTION_COUNT;
}

static bool refuse_name(const struct command *command, const char *name, struct error *error)
{
  const char *known[OPTION_COUNT];
  size_t count = 0;
  for (enum option i = 0; i < OPTION_COUNT; i++)
    if ((command->options & OPTION_BIT(i)) != 0 && i != OPTION_CONFIG)
      known[count++] = OPTIONS[i].name;
  return options_refuse("setting", name, known, count, error);
}

/* A string, or a number as it is written. */
static bool read_value(struct json_reader *reader, struct config *config, const char **value)
{
  enum json_token token = json_next(reader);
  if (token != JSON_STRING && token != JSON_INTEGER && token != JSON_NUMBER)
    return json_refuse(reader, "a setting is a string or a number");
  if (memchr(reader->text.data, 0, reader->text.size) != NULL || reader->text.size == 0)
    return json_refuse(reader, "a setting is not empty and has no zero byte");
  *value = keep(&config->arena, reader->text);
  return *value != NULL || json_refuse(reader, "there is no memory for it");
}

static bool read_members(struct json_reader *reader, struct config *config,
                         const struct command *command, struct error *error)
{
  struct bytes name;
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &name)) {
    enum option option = find_option(command, name);
    const char *text = keep(&config->arena, name);
    if (option == OPTION_COUNT) return refuse_name(command, text == NULL ? "" : text, error);
    if (!read_value(reader, config, &config->values[option])) return false;
  }
  return json_read_end(reader);
}

/* The whole file in the arena; data NULL with *error. */
static struct bytes read_file(struct config *config, const char *path, struct error *error)
{
  struct bytes none = {NULL, 0};
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    error_set_errno(error, errno, "cannot open the configuration %s", path);
    return none;
  }
  uint8_t *text = arena_alloc(&config->arena, CONFIG_BYTES + 1);
  size_t size = text == NULL ? 0 : fread(text, 1, CONFIG_BYTES + 1, file);
  int problem = ferror(file) != 0 ? errno : 0;
  (void)fclose(file);
  if (text == NULL)
    error_set(error, ERROR_NO_MEMORY, "no memory for the configuration");
  else if (problem != 0)
    error_set_errno(error, problem, "cannot read the configuration %s", path);
  else if (size > CONFIG_BYTES)
    error_set(error, ERROR_LIMIT, "%s is larger than %d bytes: it is no configuration", path,
              CONFIG_BYTES);
  else
    return bytes_of(text, size);
  return none;
}

bool config_read(struct config *config, const char *path, const struct command *command,
                 struct error *error)
{
  *config = (struct config){0};
  arena_init(&config->arena, &config->memory);
  struct bytes text = read_file(config, path, error);
  if (text.data == NULL) return false;
  struct json_reader reader;
  struct error refused = {0};
  json_reader_init(&reader, text, &config->arena);
  if (read_members(&reader, config, command, &refused)) return true;
  return error_set(error, ERROR_INVALID, "%s: %s", path,
                   refused.code != ERROR_NONE ? refused.message : reader.error.message);
}

void config_free(struct config *config)
{
  arena_free(&config->arena);
}
