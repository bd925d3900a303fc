#include "sale/provider_reply.h"

/* A reply's members. */
struct reply {
  struct bytes payment_id, status, intent_id, currency, error_code;
  int64_t amount;
  bool has_amount;
};

struct meaning {
  const char *status;
  enum provider_outcome of_intent, of_capture, of_refund;
};

static const struct meaning MEANINGS[] = {
    {"approved", PROVIDER_APPROVED, PROVIDER_PENDING, PROVIDER_UNCLEAR},
    {"captured", PROVIDER_APPROVED, PROVIDER_APPROVED, PROVIDER_UNCLEAR},
    {"pending", PROVIDER_PENDING, PROVIDER_PENDING, PROVIDER_PENDING},
    {"declined", PROVIDER_FAILED, PROVIDER_FAILED, PROVIDER_FAILED},
    {"failed", PROVIDER_FAILED, PROVIDER_FAILED, PROVIDER_FAILED},
    {"cancelled", PROVIDER_FAILED, PROVIDER_FAILED, PROVIDER_UNCLEAR},
    {"expired", PROVIDER_FAILED, PROVIDER_FAILED, PROVIDER_UNCLEAR},
    {"refunded", PROVIDER_FAILED, PROVIDER_FAILED, PROVIDER_APPROVED},
};

/* {"code":"...","message":...} */
static void read_error(struct json_reader *json, struct reply *reply)
{
  struct bytes key;
  if (!json_read_object(json)) return;
  while (json_read_key(json, &key)) {
    if (bytes_equal(key, BYTES("code")))
      json_read_string(json, &reply->error_code);
    else
      json_skip(json);
  }
}

static bool read_body(struct bytes body, struct arena *arena, struct reply *reply)
{
  struct json_reader json;
  struct bytes key;
  *reply = (struct reply){.has_amount = false};
  json_reader_init(&json, body, arena);
  if (!json_read_object(&json)) return false;
  while (json_read_key(&json, &key)) {
    if (bytes_equal(key, BYTES("payment_id")))
      json_read_string(&json, &reply->payment_id);
    else if (bytes_equal(key, BYTES("status")))
      json_read_string(&json, &reply->status);
    else if (bytes_equal(key, BYTES("intent_id")))
      json_read_string(&json, &reply->intent_id);
    else if (bytes_equal(key, BYTES("currency")))
      json_read_string(&json, &reply->currency);
    else if (bytes_equal(key, BYTES("amount")))
      reply->has_amount = json_read_integer(&json, &reply->amount);
    else if (bytes_equal(key, BYTES("error")))
      read_error(&json, reply);
    else
      json_skip(&json);
  }
  return json_read_end(&json);
}

/* It goes into paths of URLs as it is (RFC 3986 2.3: unreserved). */
static bool is_id(struct bytes text)
{
  if (text.size == 0 || text.size > PROVIDER_PAYMENT_ID_BYTES) return false;
  bool dots = true;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t c = text.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '.' && c != '_' && c != '-' && c != '~') return false;
    if (c != '.') dots = false;
  }
  /* "." and ".." are steps of a path, not names. */
  return !dots;
}

static bool moves_money(enum provider_verb verb)
{
  return verb == PROVIDER_CAPTURE || verb == PROVIDER_REFUND;
}

static enum provider_outcome meaning_of(enum provider_verb verb, struct bytes status)
{
  for (size_t i = 0; i < sizeof MEANINGS / sizeof MEANINGS[0]; i++) {
    const struct meaning *meaning = &MEANINGS[i];
    if (!bytes_equal(status, bytes_of_text(meaning->status))) continue;
    if (verb == PROVIDER_REFUND) return meaning->of_refund;
    return verb == PROVIDER_CAPTURE ? meaning->of_capture : meaning->of_intent;
  }
  return PROVIDER_UNCLEAR;
}

/* Whether a reply is about what was asked. */
static bool is_about(const struct provider_reply_asked *asked, const struct reply *reply)
{
  if (reply->intent_id.size > 0 && !bytes_equal(reply->intent_id, asked->intent_id)) return false;
  if (reply->has_amount && reply->amount != asked->amount) return false;
  return reply->currency.size == 0 || bytes_equal(reply->currency, asked->currency);
}

static enum provider_outcome read_success(const struct provider_reply_asked *asked,
                                          const struct reply *reply, struct bytes *payment_id)
{
  if (!is_about(asked, reply)) return PROVIDER_UNCLEAR;
  bool named = is_id(reply->payment_id);
  if (reply->payment_id.size > 0 && !named) return PROVIDER_UNCLEAR;
  enum provider_outcome outcome = meaning_of(asked->verb, reply->status);
  /* Money that is approved must be refundable: by its id. */
  if (outcome == PROVIDER_APPROVED && !moves_money(asked->verb) && !named) return PROVIDER_UNCLEAR;
  if (named && outcome != PROVIDER_UNCLEAR) *payment_id = reply->payment_id;
  return outcome;
}

enum provider_outcome provider_reply_read(const struct provider_reply_asked *asked, uint16_t status,
                                          struct bytes body, struct arena *arena,
                                          struct bytes *payment_id)
{
  struct reply reply;
  *payment_id = (struct bytes){NULL, 0};
  switch (status) {
  case 402:
    return PROVIDER_FAILED;
  case 404:
    /* A path that leads nowhere is 404, too: only the provider's own word counts. */
    if ((asked->verb == PROVIDER_QUERY || asked->verb == PROVIDER_CANCEL) &&
        read_body(body, arena, &reply) && bytes_equal(reply.error_code, BYTES("NOT_FOUND")))
      return PROVIDER_UNKNOWN;
    return moves_money(asked->verb) ? PROVIDER_FAILED : PROVIDER_UNCLEAR;
  case 400:
  case 403:
  case 410:
  case 422:
    return moves_money(asked->verb) ? PROVIDER_FAILED : PROVIDER_UNCLEAR;
  default:
    break;
  }
  bool success = (status >= 200 && status < 300) || status == 409;
  if (!success || !read_body(body, arena, &reply)) return PROVIDER_UNCLEAR;
  return read_success(asked, &reply, payment_id);
}
