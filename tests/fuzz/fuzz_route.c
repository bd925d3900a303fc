/*
 * Paths of any bytes against one table: the index finds what comparing every row finds. The first
 * byte chooses the method.
 */
#include "unit/net/route_naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(struct exchange *exchange)
{
  (void)exchange;
}

#define GET  HTTP_BIT(HTTP_GET)
#define POST HTTP_BIT(HTTP_POST)
#define HEAD HTTP_BIT(HTTP_HEAD)

/* Literals that share a start, are neighbours of parameters, and fail after either was taken. */
static const struct route routes[] = {
    {.methods = GET, .pattern = "/", .handler = answer},
    {.methods = GET, .pattern = "/healthz", .handler = answer},
    {.methods = GET | POST, .pattern = "/api/v1/events", .handler = answer},
    {.methods = GET, .pattern = "/api/v1/events/{id}", .handler = answer},
    {.methods = POST, .pattern = "/api/v1/events/new", .handler = answer},
    {.methods = POST, .pattern = "/api/v1/reservations/{id}/confirm", .handler = answer},
    {.methods = POST, .pattern = "/api/v1/reservations/{id}/cancel", .handler = answer},
    {.methods = GET, .pattern = "/a/{x}/c", .handler = answer},
    {.methods = POST, .pattern = "/a/{x}/c/{y}/e/{z}", .handler = answer},
    {.methods = GET, .pattern = "/a/b/d", .handler = answer},
    {.methods = HEAD, .pattern = "/a/b/{y}", .handler = answer},
    {.methods = GET, .pattern = "/{p}/b/{q}", .handler = answer},
    {.methods = GET, .pattern = "/a/{rest...}", .handler = answer},
    {.methods = POST, .pattern = "/a/b/{rest...}", .handler = answer},
    {.methods = GET, .pattern = "/long-literal-of-thirty-two-bytes", .handler = answer},
    {.methods = GET, .pattern = "/long-literal-0f-thirty-two-bytes", .handler = answer},
    {.methods = GET, .pattern = "/1/2/3/4/5/6/7/8/9/10/11/12", .handler = answer},
    {.methods = POST, .pattern = "/1/2/3/4/5/6/7/8/9/10/11/{rest...}", .handler = answer},
};

enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  struct memory memory = {0};
  struct error error;
  struct route_index *index = route_index_new(routes, ROUTE_COUNT, &memory, &error);
  CHECK(index != NULL);
  enum http_method method = (enum http_method)(data[0] % (HTTP_METHOD_COUNT + 1));
  struct bytes path = bytes_of(data + 1, size - 1);
  CHECK(route_naive_agrees(index, routes, ROUTE_COUNT, method, path));
  route_index_free(index);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
