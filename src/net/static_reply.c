#include "net/static_reply.h"

static void add_headers(struct exchange *exchange, const struct static_answer *answer)
{
  for (uint32_t i = 0; i < answer->header_count; i++)
    exchange_add_header(exchange, answer->headers[i].name, answer->headers[i].value);
}

void static_reply(struct exchange *exchange, const struct static_files *files, struct bytes path)
{
  const struct static_file *file = files == NULL ? NULL : static_files_find(files, path);
  if (file == NULL) {
    exchange_refuse(exchange, REFUSAL_NOT_FOUND);
    return;
  }
  const struct http_head *head = &exchange->head;
  struct bytes none = {NULL, 0};
  /* A HEAD is told the length of what GET would get, without a range: the door leaves it out. */
  bool ranged = head->method == HTTP_GET;
  /* Header values point into the answer, so it lives as long as the reply. */
  struct static_answer *answer = arena_alloc(&exchange->arena, sizeof *answer);
  if (answer == NULL) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    return;
  }
  static_files_answer(file, HTTP_GET, head->fields[HTTP_ACCEPT_ENCODING],
                      head->fields[HTTP_IF_NONE_MATCH], ranged ? head->fields[HTTP_IF_RANGE] : none,
                      ranged ? head->fields[HTTP_RANGE] : none, answer);
  if (answer->status == 416)
    exchange_reply_error(exchange, 416, "RANGE_NOT_SATISFIABLE",
                         BYTES("the file ends before this range: see Content-Range"), none);
  else
    exchange_reply(exchange, answer->status, none, answer->body);
  add_headers(exchange, answer);
  exchange->reply.encoded = true;
  exchange->reply.kind = REPLY_PAGE;
}
