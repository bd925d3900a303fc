#include "sim/net_script.h"

#include "base/check.h"
#include "net/limits.h"
#include "sim/net_app.h"

#include <zlib.h>

static const char HOST[] = "Host: tacos.example\r\n";

/* A request in the making. */
struct making {
  struct net_script *script;
  struct random *random;
  struct net_expectation *expectation;
};

static void say(struct making *making, const char *text)
{
  CHECK(buffer_append(&making->script->bytes, bytes_of_text(text)));
}

static size_t some(struct making *making, size_t low, size_t high)
{
  return (size_t)random_between(making->random, low, high);
}

/* Fields that change nothing. */
static void say_noise(struct making *making)
{
  static const char *const noise[] = {"User-Agent: sim/1\r\n",
                                      "Accept: */*\r\n",
                                      "Cookie: a=b; c=d\r\n",
                                      "X-Odd:\r\n",
                                      "accept-language:  de , en;q=0.5  \r\n",
                                      "Origin: https://other.example\r\n"};
  while (random_coin(making->random))
    say(making, noise[random_below(making->random, sizeof noise / sizeof noise[0])]);
}

static void say_head(struct making *making, const char *method, const char *path)
{
  if (random_chance(making->random, 50000)) say(making, "\r\n");
  say(making, method);
  say(making, " ");
  say(making, path);
  say(making, " HTTP/1.1\r\n");
  say_noise(making);
  say(making, HOST);
  say_noise(making);
}

static void make_sized(struct making *making)
{
  char path[64];
  size_t size = random_chance(making->random, 100000) ? some(making, 0, 300000)
                                                      : some(making, 0, 20000);
  bool head = random_chance(making->random, 150000);
  bool text = random_coin(making->random);
  snprintf(path, sizeof path, "/%s/%zu", text ? "text" : "bytes", size);
  say_head(making, head ? "HEAD" : "GET", path);
  if (random_coin(making->random)) say(making, "Accept-Encoding: gzip\r\n");
  say(making, "\r\n");
  making->expectation->body = NET_BODY_PATTERN;
  making->expectation->size = size;
  making->expectation->to_head = head;
}

static void make_named(struct making *making, const char *route)
{
  char path[128];
  struct net_expectation *expectation = making->expectation;
  snprintf(expectation->text, sizeof expectation->text, "n%llu",
           (unsigned long long)random_u64(making->random));
  snprintf(path, sizeof path, "/%s/%s", route, expectation->text);
  say_head(making, "GET", path);
  say(making, "\r\n");
  expectation->body = NET_BODY_TEXT;
}

static void make_plain(struct making *making)
{
  say_head(making, "GET", "/plain");
  say(making, "\r\n");
  making->expectation->body = NET_BODY_TEXT;
  snprintf(making->expectation->text, sizeof making->expectation->text, "hello");
}

/* Its handler answers whatever is held for other clients, before or after its own. */
static void make_release(struct making *making)
{
  say_head(making, "GET", random_coin(making->random) ? "/release" : "/release?first");
  say(making, "\r\n");
  making->expectation->body = NET_BODY_TEXT;
  snprintf(making->expectation->text, sizeof making->expectation->text, "released");
}

static void say_chunked(struct making *making, struct bytes body)
{
  say(making, "Transfer-Encoding: chunked\r\n\r\n");
  for (size_t at = 0; at < body.size;) {
    char line[64];
    size_t size = some(making, 1, body.size - at);
    snprintf(line, sizeof line, "%zx%s\r\n", size,
             random_chance(making->random, 100000) ? ";ext=1" : "");
    say(making, line);
    CHECK(buffer_append(&making->script->bytes, bytes_of(body.data + at, size)));
    say(making, "\r\n");
    at += size;
  }
  say(making, random_chance(making->random, 200000) ? "0\r\nTrailer: t\r\n\r\n" : "0\r\n\r\n");
}

/* To /echo, or to /small with a body that fits. */
static void make_echo(struct making *making)
{
  struct net_script *script = making->script;
  bool small = random_chance(making->random, 200000);
  size_t limit = small ? 16 : random_chance(making->random, 100000) ? NET_BODY_BYTES : 3000;
  size_t size = some(making, 0, limit);
  making->expectation->body = NET_BODY_ECHO;
  making->expectation->offset = script->bodies.size;
  making->expectation->size = size;
  for (size_t i = 0; i < size; i++)
    CHECK(buffer_append_byte(&script->bodies, (uint8_t)random_u64(making->random)));
  struct bytes body = bytes_of(script->bodies.data + making->expectation->offset, size);
  say_head(making, "POST", small ? "/small" : "/echo");
  if (random_chance(making->random, 150000)) {
    say(making, "Expect: 100-continue\r\n");
    making->expectation->interim_allowed = true;
  }
  if (random_coin(making->random)) {
    say_chunked(making, body);
    return;
  }
  char line[64];
  snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", size);
  say(making, line);
  CHECK(buffer_append(&script->bytes, body));
}

/* What a route refuses without harm to the connection. */
static void make_refused(struct making *making)
{
  static const struct {
    const char *method, *path, *fields;
    uint16_t status;
  } rows[] = {
      {"GET", "/none", "", 404},
      {"POST", "/none", "Content-Length: 3\r\n\r\nabc", 404},
      {"DELETE", "/plain", "", 405},
      {"GET", "/user", "", 401},
      {"GET", "/plain/", "", 404},
      {"POST", "/key", "Content-Length: 2\r\n\r\n{}", 400},
      {"OPTIONS", "/echo", "", 204},
      {"BREW", "/plain", "", 405},
      {"GET", "/tagged", "If-None-Match: \"v1\"\r\n\r\n", 304},
  };
  size_t row = (size_t)random_below(making->random, sizeof rows / sizeof rows[0]);
  say_head(making, rows[row].method, rows[row].path);
  say(making, rows[row].fields[0] == 0 ? "\r\n" : rows[row].fields);
  making->expectation->status = rows[row].status;
}

static void make_last(struct making *making)
{
  say_head(making, "GET", "/plain");
  say(making, "Connection: close\r\n\r\n");
  making->expectation->body = NET_BODY_TEXT;
  making->expectation->close = true;
  snprintf(making->expectation->text, sizeof making->expectation->text, "hello");
}

/* Of a topic, or one that is asked, of each kind; those that end are a kind, too. */
static void make_stream(struct making *making)
{
  static const char kinds[] = "befhqrwx";
  struct net_expectation *expectation = making->expectation;
  char path[128] = "/events";
  if (random_coin(making->random)) {
    snprintf(expectation->text, sizeof expectation->text, "%c%llu",
             kinds[random_below(making->random, sizeof kinds - 1)],
             (unsigned long long)random_u64(making->random));
    snprintf(path, sizeof path, "/asked/%s", expectation->text);
    expectation->asked = true;
  }
  say_head(making, "GET", path);
  say(making, "\r\n");
  expectation->stream = true;
}

/* A stream of bytes that is wrong: its first error has a status. */
static void make_broken(struct making *making)
{
  static const struct {
    const char *text;
    uint16_t status;
  } rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"nonsense\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", 501},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n", 417},
      {"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", 413},
      {"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
       "10\r\n0123456789abcdef\r\n1\r\ng\r\n0\r\n\r\n",
       413},
      {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400},
  };
  size_t row = (size_t)random_below(making->random, sizeof rows / sizeof rows[0]);
  say(making, rows[row].text);
  making->expectation->status = rows[row].status;
  making->expectation->close = true;
}

static void make_well_formed(struct making *making)
{
  switch (random_below(making->random, 9)) {
  case 0:
  case 1:
    make_plain(making);
    break;
  case 2:
    make_sized(making);
    break;
  case 3:
  case 4:
    make_echo(making);
    break;
  case 5:
    make_named(making, "wait");
    break;
  case 6:
    make_named(making, "hold");
    break;
  case 7:
    make_release(making);
    break;
  default:
    make_refused(making);
  }
}

static void make_end(struct making *making)
{
  switch (random_below(making->random, 4)) {
  case 0:
    make_broken(making);
    break;
  case 1:
    make_stream(making);
    break;
  case 2:
    make_last(making);
    break;
  default:
    make_plain(making);
  }
}

void net_script_make(struct net_script *script, struct random *random, struct memory *memory)
{
  *script = (struct net_script){0};
  buffer_init(&script->bytes, memory);
  buffer_init(&script->bodies, memory);
  uint32_t count = (uint32_t)random_between(random, 1, NET_SCRIPT_REQUESTS_MAX);
  for (uint32_t i = 0; i < count; i++) {
    struct making making = {script, random, &script->expectations[script->count++]};
    making.expectation->status = 200;
    making.expectation->begins = script->bytes.size;
    if (i + 1 == count)
      make_end(&making);
    else
      make_well_formed(&making);
    making.expectation->ends = script->bytes.size;
  }
}

void net_script_free(struct net_script *script)
{
  buffer_free(&script->bytes);
  buffer_free(&script->bodies);
}

/* Unpacks and compares piece by piece. */
static void check_packed(struct bytes body, size_t size)
{
  z_stream stream = {0};
  uint8_t piece[4096];
  size_t at = 0;
  int result = Z_OK;
  CHECK(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  stream.next_in = (uint8_t *)(uintptr_t)body.data;
  stream.avail_in = (unsigned)body.size;
  while (result == Z_OK) {
    stream.next_out = piece;
    stream.avail_out = sizeof piece;
    result = inflate(&stream, Z_NO_FLUSH);
    size_t got = sizeof piece - stream.avail_out;
    for (size_t i = 0; i < got; i++, at++) CHECK(piece[i] == net_app_byte(at));
  }
  CHECK(result == Z_STREAM_END && stream.avail_in == 0);
  CHECK_THAT(at, ==, size);
  inflateEnd(&stream);
}

static void check_pattern(const struct net_expectation *expectation, const struct net_reply *reply)
{
  if (expectation->to_head) return;
  if (net_reply_header(reply, BYTES("content-encoding")).data != NULL) {
    check_packed(reply->body, expectation->size);
    return;
  }
  CHECK_THAT(reply->body.size, ==, expectation->size);
  for (size_t i = 0; i < reply->body.size; i++) CHECK(reply->body.data[i] == net_app_byte(i));
}

void net_script_check(const struct net_script *script, const struct net_expectation *expectation,
                      const struct net_reply *reply)
{
  CHECK_THAT(reply->status, ==, expectation->status);
  CHECK_THAT(reply->chunked, ==, expectation->stream);
  switch (expectation->body) {
  case NET_BODY_PATTERN:
    check_pattern(expectation, reply);
    break;
  case NET_BODY_TEXT:
    CHECK(bytes_equal(reply->body, bytes_of_text(expectation->text)));
    break;
  case NET_BODY_ECHO:
    CHECK(bytes_equal(reply->body,
                      bytes_of(script->bodies.data + expectation->offset, expectation->size)));
    break;
  case NET_BODY_NONE:
    if (expectation->status >= 400)
      CHECK(bytes_starts_with(reply->body, BYTES("{\"error\":{\"code\":\"")));
  }
}
