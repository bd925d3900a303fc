#include "api/api.h"
#include "base/check.h"
#include "cmd/commands.h"

#include <stdio.h>

static const char *const AUTH_NAMES[] = {
    [AUTH_NONE] = "none",   [AUTH_OPTIONAL] = "optional",   [AUTH_USER] = "user",
    [AUTH_ADMIN] = "admin", [AUTH_SIGNATURE] = "signature",
};

static const char *const KEY_NAMES[] = {
    [KEY_NONE] = "none",
    [KEY_OPTIONAL] = "optional",
    [KEY_REQUIRED] = "required",
};

static void write_text(struct json_writer *writer, struct bytes key, struct bytes value)
{
  json_write_key(writer, key);
  json_write_string(writer, value);
}

static void write_route(struct json_writer *writer, const char *endpoint, enum http_method method,
                        const struct route *route)
{
  json_write_object_begin(writer);
  write_text(writer, BYTES("endpoint"), bytes_of_text(endpoint));
  write_text(writer, BYTES("method"), http_method_name(method));
  write_text(writer, BYTES("path"), bytes_of_text(route->pattern));
  write_text(writer, BYTES("auth"), bytes_of_text(AUTH_NAMES[route->auth]));
  write_text(writer, BYTES("idempotency_key"), bytes_of_text(KEY_NAMES[route->key]));
  json_write_key(writer, BYTES("body_bytes"));
  json_write_unsigned(writer, route->body_bytes);
  json_write_object_end(writer);
}

int command_routes(const struct arguments *arguments)
{
  (void)arguments;
  struct memory memory = {0};
  struct buffer text;
  struct json_writer writer;
  buffer_init(&text, &memory);
  json_writer_init(&writer, &text);
  json_write_array_begin(&writer);
  for (enum api_endpoint i = 0; i < API_ENDPOINTS; i++)
    for (size_t j = 0; j < api_routes[i].count; j++)
      for (enum http_method method = 0; method < HTTP_METHOD_COUNT; method++)
        if ((api_routes[i].routes[j].methods & HTTP_BIT(method)) != 0)
          write_route(&writer, api_routes[i].endpoint, method, &api_routes[i].routes[j]);
  json_write_array_end(&writer);
  CHECK(json_writer_finish(&writer));
  printf("%.*s\n", BYTES_FORMAT(buffer_bytes(&text)));
  buffer_free(&text);
  return EXIT_DONE;
}
