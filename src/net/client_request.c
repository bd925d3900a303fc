#include "net/client_parts.h"

#include <limits.h>
#include <strings.h>
#include <sys/socket.h>

enum {
  HOST_BYTES_MAX = 255, /* RFC 1035 2.3.4 */
  KEEPALIVE_IDLE_S = 60,
  KEEPALIVE_STEP_S = 20,
};

/* Idempotent: RFC 9110 9.2.2. A body that is `always` has a Content-Length even when empty. */
enum body_rule { BODY_NEVER, BODY_MAYBE, BODY_ALWAYS };

struct method {
  const char *name;
  bool idempotent;
  enum body_rule body;
};

static const struct method methods[] = {{"GET", true, BODY_NEVER},     {"HEAD", true, BODY_NEVER},
                                        {"POST", false, BODY_ALWAYS},  {"PUT", true, BODY_ALWAYS},
                                        {"PATCH", false, BODY_ALWAYS}, {"DELETE", true, BODY_MAYBE},
                                        {"OPTIONS", true, BODY_MAYBE}};

static const struct method *method_of(struct bytes name)
{
  for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
    if (bytes_equal(name, bytes_of_text(methods[i].name))) return &methods[i];
  }
  return NULL;
}

/* Fields by which messages are cut and connections run (RFC 9110 7.6.1): they are libcurl's. */
static bool is_framing_field(struct bytes name)
{
  static const char *const names[] = {
      "Connection",     "Content-Length",    "Expect",           "Host",
      "HTTP2-Settings", "Keep-Alive",        "Proxy-Connection", "TE",
      "Trailer",        "Transfer-Encoding", "Upgrade"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (name.size == strlen(names[i]) &&
        strncasecmp((const char *)name.data, names[i], name.size) == 0)
      return true;
  }
  return false;
}

/* RFC 9110 5.6.2. */
static bool is_token(struct bytes text)
{
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
    bool digit = byte >= '0' && byte <= '9';
    if (!letter && !digit && (byte == 0 || strchr("!#$%&'*+-.^_`|~", byte) == NULL)) return false;
  }
  return text.size > 0;
}

static bool is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t';
}

/* RFC 9110 5.5: no control characters, and no white space around it. */
static bool is_field_value(struct bytes text)
{
  for (size_t i = 0; i < text.size; i++) {
    if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f) return false;
  }
  return text.size == 0 || (!is_space(text.data[0]) && !is_space(text.data[text.size - 1]));
}

static bool check_headers(const struct client_request *request, struct error *error)
{
  if (request->header_count > CLIENT_HEADERS_MAX)
    return error_set(error, ERROR_LIMIT, "%u headers, at most %d can be sent",
                     request->header_count, CLIENT_HEADERS_MAX);
  size_t total = 0;
  for (uint32_t i = 0; i < request->header_count; i++) {
    struct bytes name = request->headers[i].name;
    if (!is_token(name))
      return error_set(error, ERROR_INVALID, "header %u: its name is no token", i);
    if (is_framing_field(name))
      return error_set(error, ERROR_INVALID, "header %.*s is set by the client itself",
                       BYTES_FORMAT(name));
    if (!is_field_value(request->headers[i].value))
      return error_set(error, ERROR_INVALID,
                       "header %.*s: its value has control characters, or spaces around it",
                       BYTES_FORMAT(name));
    total += name.size + request->headers[i].value.size;
    if (total > CLIENT_HEADER_BYTES)
      return error_set(error, ERROR_LIMIT, "headers of more than %d bytes", CLIENT_HEADER_BYTES);
  }
  return true;
}

static bool check_body(const struct client_request *request, const struct method *method,
                       struct error *error)
{
  if (request->body.size > 0 && method->body == BODY_NEVER)
    return error_set(error, ERROR_INVALID, "a %s request has no body", method->name);
  if (request->body.size > CLIENT_BODY_BYTES)
    return error_set(error, ERROR_LIMIT, "a body of %zu bytes, at most %d can be sent",
                     request->body.size, CLIENT_BODY_BYTES);
  return true;
}

static bool check_numbers(const struct client_request *request, struct error *error)
{
  if (request->connect_timeout_ms > CLIENT_TIME_MS_MAX ||
      request->timeout_ms > CLIENT_TIME_MS_MAX || request->total_ms > CLIENT_TIME_MS_MAX ||
      request->backoff_ms > CLIENT_TIME_MS_MAX || request->backoff_max_ms > CLIENT_TIME_MS_MAX)
    return error_set(error, ERROR_LIMIT, "a time of a request is over a day");
  if (request->attempts > CLIENT_ATTEMPTS_MAX)
    return error_set(error, ERROR_LIMIT, "%u attempts, at most %d are made", request->attempts,
                     CLIENT_ATTEMPTS_MAX);
  if (request->response_bytes_max > CLIENT_RESPONSE_BYTES_MAX)
    return error_set(error, ERROR_LIMIT, "a response of %u bytes, at most %d are held",
                     request->response_bytes_max, CLIENT_RESPONSE_BYTES_MAX);
  return true;
}

/* The texts never quote the URL: tokens live in its path and query. */
static bool check_url(struct bytes url, struct error *error)
{
  if (url.size > CLIENT_URL_BYTES)
    return error_set(error, ERROR_LIMIT, "a URL of %zu bytes, at most %d can be used", url.size,
                     CLIENT_URL_BYTES);
  for (size_t i = 0; i < url.size; i++) {
    if (url.data[i] <= 0x20 || url.data[i] >= 0x7f)
      return error_set(error, ERROR_INVALID,
                       "byte %zu of the URL is not printable ASCII: percent-encode it", i);
  }
  size_t scheme = bytes_starts_with(url, BYTES("http://")) ? 7 : 8;
  if (scheme == 8 && !bytes_starts_with(url, BYTES("https://")))
    return error_set(error, ERROR_INVALID, "the URL does not begin with http:// or https://");
  /* libcurl would take a third slash for a slip, and the path's first segment for the host. */
  if (url.size == scheme || url.data[scheme] == '/')
    return error_set(error, ERROR_INVALID, "the URL has no host");
  return true;
}

static bool no_memory(struct error *error)
{
  return error_set(error, ERROR_NO_MEMORY, "no memory for a request");
}

static const char *copy_text(struct arena *arena, struct bytes text)
{
  char *copy = arena_alloc(arena, text.size + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  return copy;
}

/* "scheme://host:port" of a parsed URL; NULL when there is no memory. */
static const char *copy_origin(struct arena *arena, CURLU *parsed)
{
  static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
  static const char *const before[] = {"", "://", ":"};
  char text[HOST_BYTES_MAX + 32] = "";
  size_t size = 0;
  for (size_t i = 0; i < 3; i++) {
    char *part;
    if (curl_url_get(parsed, parts[i], &part, CURLU_DEFAULT_PORT) != CURLUE_OK) return NULL;
    size_t left = sizeof(text) - size;
    int added = snprintf(text + size, left, "%s%s", before[i], part);
    curl_free(part);
    if (added < 0 || (size_t)added >= left) return NULL;
    size += (size_t)added;
  }
  return copy_text(arena, bytes_of(text, size));
}

/* Parses as libcurl will do it again when it connects; `text` has passed check_url. */
static bool parse_url(struct client_call *call, const char *text, struct error *error)
{
  CURLU *parsed = curl_url();
  if (parsed == NULL) return no_memory(error);
  CURLUcode code = curl_url_set(parsed, CURLUPART_URL, text,
                                CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
  char *host = NULL;
  if (code == CURLUE_OK) code = curl_url_get(parsed, CURLUPART_HOST, &host, 0);
  bool good = false;
  if (code == CURLUE_OUT_OF_MEMORY) {
    no_memory(error);
  } else if (code == CURLUE_USER_NOT_ALLOWED) {
    error_set(error, ERROR_INVALID, "the URL has a user or password: use a header");
  } else if (code != CURLUE_OK || host[0] == '\0' || strlen(host) > HOST_BYTES_MAX) {
    error_set(error, ERROR_INVALID, "the URL is malformed: %s",
              code == CURLUE_OK ? "its host" : curl_url_strerror(code));
  } else {
    call->origin = copy_origin(&call->arena, parsed);
    good = call->origin != NULL || no_memory(error);
  }
  curl_free(host);
  curl_url_cleanup(parsed);
  return good;
}

/* In front of the list; the nodes are ours, libcurl only reads them. NULL: no memory. */
static struct curl_slist *push_line(struct arena *arena, struct curl_slist *next, const char *line)
{
  struct curl_slist *node = arena_alloc(arena, sizeof(*node));
  if (node == NULL || line == NULL) return NULL;
  *node = (struct curl_slist){.data = (char *)line, .next = next};
  return node;
}

/* As libcurl reads its list: "name: value", and "name;" for one with an empty value. */
static const char *header_line(struct arena *arena, const struct http_header *header)
{
  struct bytes name = header->name, value = header->value;
  char *line = arena_alloc(arena, name.size + value.size + 3);
  if (line == NULL) return NULL;
  memcpy(line, name.data, name.size);
  if (value.size == 0) {
    memcpy(line + name.size, ";", 2);
    return line;
  }
  memcpy(line + name.size, ": ", 2);
  memcpy(line + name.size + 2, value.data, value.size);
  line[name.size + 2 + value.size] = '\0';
  return line;
}

static bool has_header(const struct client_request *request, const char *name)
{
  for (uint32_t i = 0; i < request->header_count; i++) {
    struct bytes own = request->headers[i].name;
    if (own.size == strlen(name) && strncasecmp((const char *)own.data, name, own.size) == 0)
      return true;
  }
  return false;
}

/* The caller's lines in their order, behind those that take libcurl's additions away ("name:"). */
static struct curl_slist *make_lines(struct arena *arena, const struct client_request *request)
{
  struct curl_slist *list = NULL;
  for (uint32_t i = request->header_count; i > 0; i--) {
    list = push_line(arena, list, header_line(arena, &request->headers[i - 1]));
    if (list == NULL) return NULL;
  }
  if (!has_header(request, "Content-Type")) {
    list = push_line(arena, list, "Content-Type:");
    if (list == NULL) return NULL;
  }
  /* A body is small and most servers take it: waiting for a 100 would cost a round trip. */
  return push_line(arena, list, "Expect:");
}

/* What is the same for every request. QUICK_EXIT: else the end of a request would wait for the
   thread that looks up its name. PATH_AS_IS: the path that was signed is the path that is sent. */
static bool set_constants(CURL *easy)
{
  static const struct {
    CURLoption option;
    long value;
  } numbers[] = {
      {CURLOPT_NOSIGNAL, 1},
      {CURLOPT_QUICK_EXIT, 1},
      {CURLOPT_NOPROGRESS, 1},
      {CURLOPT_SSL_VERIFYPEER, 1},
      {CURLOPT_SSL_VERIFYHOST, 2},
      {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
      {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
      {CURLOPT_HTTP09_ALLOWED, 0},
      {CURLOPT_FOLLOWLOCATION, 0},
      {CURLOPT_NETRC, CURL_NETRC_IGNORED},
      {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
      {CURLOPT_PATH_AS_IS, 1},
      {CURLOPT_TCP_KEEPALIVE, 1},
      {CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
      {CURLOPT_TCP_KEEPINTVL, KEEPALIVE_STEP_S},
  };
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    if (curl_easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK) return false;
  }
  return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
}

/* No CAPATH: libcurl then keeps the parsed certificates for all handshakes, and a ca_file is the
   only source of trust. */
static bool set_options(CURL *easy, const struct client_options *options)
{
  const char *agent = options->user_agent != NULL ? options->user_agent : "tacos";
  return curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
         (options->ca_file == NULL ||
          curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file) == CURLE_OK) &&
         curl_easy_setopt(easy, CURLOPT_USERAGENT, agent) == CURLE_OK;
}

static bool set_method(CURL *easy, const struct method *method, struct bytes body)
{
  if (strcmp(method->name, "GET") == 0)
    return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
  if (strcmp(method->name, "HEAD") == 0)
    return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
  bool with_body = method->body == BODY_ALWAYS || body.size > 0;
  if (with_body &&
      (curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK ||
       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size) != CURLE_OK ||
       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)body.data) != CURLE_OK))
    return false;
  if (strcmp(method->name, "POST") == 0) return true;
  return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method->name) == CURLE_OK;
}

/* Its own sockets have no CLOEXEC: whoever is started by this process would inherit them. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
  (void)context;
  (void)purpose;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool set_callbacks(struct client_call *call)
{
  CURL *easy = call->easy;
  return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, client_reply_take_header) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_HEADERDATA, &call->reply) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, client_reply_take_body) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_WRITEDATA, &call->reply) == CURLE_OK;
}

/* Refuses a reply by its Content-Length, before its body; of HEAD that is no promise of bytes. */
static bool set_bounds(CURL *easy, const struct client_request *request,
                       const struct method *method)
{
  curl_off_t largest = strcmp(method->name, "HEAD") == 0 ? 0 : request->response_bytes_max;
  return curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, largest) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms) ==
             CURLE_OK;
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
  return value > 0 ? value : fallback;
}

struct client_request client_request_complete(const struct client_request *request)
{
  struct client_request whole = *request;
  whole.connect_timeout_ms = or_default(request->connect_timeout_ms, 5000);
  whole.timeout_ms = or_default(request->timeout_ms, 15000);
  whole.total_ms = or_default(request->total_ms, 120000);
  whole.attempts = or_default(request->attempts, 1);
  whole.backoff_ms = or_default(request->backoff_ms, 200);
  whole.backoff_max_ms = or_default(request->backoff_max_ms, 10000);
  whole.response_bytes_max = or_default(request->response_bytes_max, 1 << 20);
  return whole;
}

/* What is checked goes before what costs. */
bool client_call_init(struct client_call *call, struct memory *memory,
                      const struct client_request *request, const struct client_options *options,
                      uint64_t *progress, struct error *error)
{
  arena_init(&call->arena, memory);
  client_reply_init(&call->reply, memory, request->response_bytes_max, progress);
  const struct method *method = method_of(request->method);
  if (method == NULL) return error_set(error, ERROR_INVALID, "the method is none that can be sent");
  if (!check_url(request->url, error) || !check_headers(request, error) ||
      !check_body(request, method, error) || !check_numbers(request, error))
    return false;
  const char *url = copy_text(&call->arena, request->url);
  if (url == NULL) return no_memory(error);
  if (!parse_url(call, url, error)) return false;

  bool repeatable = method->idempotent || request->has_idempotency_key;
  call->is_tls = bytes_starts_with(request->url, BYTES("https://"));
  call->timeout_ms = request->timeout_ms;
  call->attempts = repeatable ? request->attempts : 1;
  call->backoff_ms = request->backoff_ms;
  call->backoff_max_ms = request->backoff_max_ms;

  struct bytes body = arena_copy(&call->arena, request->body);
  struct curl_slist *lines = make_lines(&call->arena, request);
  call->easy = curl_easy_init();
  if (body.data == NULL || lines == NULL || call->easy == NULL) return no_memory(error);
  CURL *easy = call->easy;
  if (!set_constants(easy) || !set_options(easy, options) || !set_method(easy, method, body) ||
      !set_callbacks(call) || !set_bounds(easy, request, method) ||
      curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)!repeatable) != CURLE_OK)
    return no_memory(error);
  return true;
}

void client_call_free(struct client_call *call)
{
  if (call->easy != NULL) curl_easy_cleanup(call->easy);
  client_reply_free(&call->reply);
  arena_free(&call->arena);
}

void client_call_begin(struct client_call *call, int64_t left_ms)
{
  int64_t limit_ms = call->timeout_ms < left_ms ? call->timeout_ms : left_ms;
  client_reply_clear(&call->reply);
  call->attempts_made++;
  /* 0 would be no limit at all. Setting a number cannot fail. */
  curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, limit_ms > 0 ? (long)limit_ms : 1L);
}
