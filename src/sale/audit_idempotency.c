#include "sale/audit_parts.h"

/* pk IDEMPOTENCY#{requestId}: hashes of the request, and the answer, for 24 hours. */

enum { CREATED_AT, PK, REQUEST_HASH, REQUEST_ID, RESPONSE, STATUS, TTL, FIELDS };

static const struct bytes NAMES[FIELDS] = {
    [CREATED_AT] = {(const uint8_t *)"createdAt", 9},
    [PK] = {(const uint8_t *)"pk", 2},
    [REQUEST_HASH] = {(const uint8_t *)"requestHash", 11},
    [REQUEST_ID] = {(const uint8_t *)"requestId", 9},
    [RESPONSE] = {(const uint8_t *)"responseData", 12},
    [STATUS] = {(const uint8_t *)"status", 6},
    [TTL] = {(const uint8_t *)"ttl", 3},
};

enum { HASH_TEXT_BYTES = 64, MS_PER_S = 1000, KEPT_S = 24 * 3600 };

static bool is_hash(struct bytes text)
{
  bool whole = text.size == HASH_TEXT_BYTES;
  for (size_t i = 0; whole && i < text.size; i++)
    whole = (text.data[i] >= '0' && text.data[i] <= '9') ||
            (text.data[i] >= 'a' && text.data[i] <= 'f');
  return whole;
}

bool audit_read_idempotency(struct audit *audit, struct value item)
{
  struct value values[FIELDS];
  bool whole = true;
  struct bytes id;
  struct audit_law_result *law = audit_law(audit, AUDIT_IDEMPOTENCY);
  audit_pick(item, NAMES, FIELDS, values);
  if (!audit_after(audit_text(values[PK]), BYTES("IDEMPOTENCY#"), &id)) return true;
  law->count++;
  int64_t status = audit_integer(values[STATUS], 0);
  int64_t created_ms = audit_instant(values[CREATED_AT], INT64_MIN);
  int64_t ttl_s = audit_integer(values[TTL], 0);
  struct bytes answer = audit_text(values[RESPONSE]);
  if (answer.size > 0 && !audit_read_json(audit, answer, &whole)) return false;
  const char *wrong = NULL;
  if (!bytes_equal(audit_text(values[REQUEST_ID]), id) || !is_hash(id) ||
      !is_hash(audit_text(values[REQUEST_HASH])))
    wrong = "requestId or requestHash are no hashes";
  if (status < 200 || status > 599) wrong = "its status is none of HTTP";
  if (value_type(values[RESPONSE]) != VALUE_STRING || !whole) wrong = "its answer is no JSON";
  if (created_ms == INT64_MIN || ttl_s < created_ms / MS_PER_S + KEPT_S)
    wrong = "it is not kept for 24 hours";
  if (wrong != NULL)
    audit_find(audit, AUDIT_IDEMPOTENCY, "answer %.*s: %s", BYTES_FORMAT(id), wrong);
  else if (ttl_s <= audit->options->now_ms / MS_PER_S)
    law->pending++;
  return true;
}
