#include "sale/idempotency.h"

#include "base/encode.h"
#include "sale/sale_parts.h"

enum { MS_PER_S = 1000 };

/* Sizes before the texts, so that no two scopes have the same bytes. */
static void add_part(struct buffer *buffer, struct bytes part)
{
  uint8_t size[8];
  bytes_put_u64(size, part.size);
  buffer_append(buffer, bytes_of(size, sizeof size));
  buffer_append(buffer, part);
}

static void write_hash(struct bytes bytes, char text[IDEMPOTENCY_ID_BYTES])
{
  uint8_t digest[HASH_SHA256_BYTES];
  hash_sha256(bytes, digest);
  encode_to_hex(bytes_of(digest, sizeof digest), text);
}

void idempotency_init(struct idempotency *idempotency, const struct idempotency_request *request)
{
  enum { SCOPE_BYTES = 1024 };
  uint8_t block[SCOPE_BYTES];
  struct memory memory = {0};
  struct buffer scope = {.data = block, .capacity = sizeof block, .memory = &memory};
  const struct bytes parts[] = {request->who, request->method, request->path, request->key};
  size_t size = 0;
  for (size_t i = 0; i < 4; i++) size += 8 + parts[i].size;
  if (size <= sizeof block) {
    for (size_t i = 0; i < 4; i++) add_part(&scope, parts[i]);
    write_hash(buffer_bytes(&scope), idempotency->id);
  } else {
    /* A path that long is none of ours; its parts are hashed one by one. */
    char digests[4][IDEMPOTENCY_ID_BYTES];
    for (size_t i = 0; i < 4; i++) write_hash(parts[i], digests[i]);
    write_hash(bytes_of(digests, sizeof digests), idempotency->id);
  }
  write_hash(request->body, idempotency->body_hash);
}

/* pk IDEMPOTENCY#{requestId} */
static struct bytes key_of(struct arena *arena, const struct idempotency *idempotency)
{
  return record_key(arena, BYTES("IDEMPOTENCY#"),
                    bytes_of(idempotency->id, sizeof idempotency->id));
}

static bool is_in_flight(const struct sale *sale, const struct idempotency *idempotency)
{
  for (const struct sale_flight *i = sale->flights; i != NULL; i = i->next)
    if (memcmp(i->id, idempotency->id, sizeof i->id) == 0) return true;
  return false;
}

enum idempotency_outcome idempotency_find(struct sale *sale, struct arena *arena,
                                          const struct idempotency *idempotency, int64_t now_ms,
                                          struct idempotency_answer *answer)
{
  if (is_in_flight(sale, idempotency)) return IDEMPOTENCY_IN_FLIGHT;
  struct bytes key = key_of(arena, idempotency);
  struct value partition = value_make_string(arena, key);
  /* Without memory to look it may be known: the caller is to come again. */
  if (key.data == NULL || !value_present(partition)) return IDEMPOTENCY_IN_FLIGHT;
  struct value item = store_find(sale->idempotency, partition, VALUE_NONE);
  /* The TTL's sweep only tidies. */
  if (!value_present(item) || record_get_integer(item, BYTES("ttl"), 0) * MS_PER_S <= now_ms)
    return IDEMPOTENCY_NEW;
  struct bytes hash = record_get_text(item, BYTES("requestHash"));
  if (!bytes_equal(hash, bytes_of(idempotency->body_hash, sizeof idempotency->body_hash)))
    return IDEMPOTENCY_MISMATCH;
  answer->status = (uint16_t)record_get_integer(item, BYTES("status"), 0);
  answer->body = arena_copy(arena, record_get_text(item, BYTES("responseData")));
  return IDEMPOTENCY_REPLAY;
}

bool idempotency_add(struct sale *sale, struct plan *plan, const struct idempotency *idempotency,
                     uint16_t status, struct bytes body, int64_t now_ms)
{
  struct arena *arena = plan->arena;
  struct record_writer *writer = &sale->writer;
  struct sale_step step = {sale, plan, now_ms, false};
  record_begin(writer);
  record_text(writer, BYTES("pk"), key_of(arena, idempotency));
  record_text(writer, BYTES("requestId"), bytes_of(idempotency->id, sizeof idempotency->id));
  record_text(writer, BYTES("requestHash"),
              bytes_of(idempotency->body_hash, sizeof idempotency->body_hash));
  record_integer(writer, BYTES("status"), status);
  record_text(writer, BYTES("responseData"), body);
  record_instant(writer, BYTES("createdAt"), now_ms);
  /* Whole seconds, rounded up: not a moment too early. */
  record_integer(writer, BYTES("ttl"), (now_ms + SALE_IDEMPOTENCY_MS + MS_PER_S - 1) / MS_PER_S);
  sale_step_put(&step, sale->idempotency, record_end(writer, arena), NULL, NULL);
  return !step.failed;
}

bool idempotency_begin(struct sale *sale, const struct idempotency *idempotency)
{
  struct sale_flight *flight = memory_alloc(sale->memory, sizeof *flight);
  if (flight == NULL) return false;
  memcpy(flight->id, idempotency->id, sizeof flight->id);
  flight->next = sale->flights;
  sale->flights = flight;
  return true;
}

void idempotency_end(struct sale *sale, const struct idempotency *idempotency)
{
  struct sale_flight **link = &sale->flights;
  while (*link != NULL && memcmp((*link)->id, idempotency->id, sizeof(*link)->id) != 0)
    link = &(*link)->next;
  struct sale_flight *flight = *link;
  if (flight == NULL) return;
  *link = flight->next;
  memory_free(sale->memory, flight, sizeof *flight);
}
