#include "ops/health.h"

#include "base/check.h"
#include "base/json.h"

struct health_row {
  const char *name;
  struct bytes reason; /* for the operator: what is going on, and what ends it */
};

#define ROW(name, reason)                                               \
  {                                                                     \
    name,                                                               \
    {                                                                   \
      (const uint8_t *)(name ": " reason), sizeof(name ": " reason) - 1 \
    }                                                                   \
  }

static const struct health_row ROWS[HEALTH_REASON_COUNT] = {
    [HEALTH_STARTING] = ROW("starting", "the data is being read"),
    [HEALTH_DRAINING] = ROW("draining", "the server is about to stop"),
    [HEALTH_LOG_FAILED] = ROW("log_failed", "the log could not be written: mend the disk and "
                                            "restart"),
    [HEALTH_DISK_FULL] = ROW("disk_full", "the disk is full: make room"),
    [HEALTH_OUT_OF_MEMORY] = ROW("out_of_memory", "no memory is free: raise the limit"),
};

_Static_assert(HEALTH_REASON_COUNT <= 32, "a bit for each reason");

static uint32_t read_reasons(const struct health *health)
{
  return __atomic_load_n(&health->reasons, __ATOMIC_ACQUIRE);
}

void health_init(struct health *health)
{
  __atomic_store_n(&health->reasons, (uint32_t)1 << HEALTH_STARTING, __ATOMIC_RELEASE);
}

void health_set(struct health *health, enum health_reason reason, bool holds)
{
  CHECK_THAT(reason, <, HEALTH_REASON_COUNT);
  uint32_t bit = (uint32_t)1 << reason;
  if (holds)
    __atomic_fetch_or(&health->reasons, bit, __ATOMIC_ACQ_REL);
  else
    __atomic_fetch_and(&health->reasons, ~bit, __ATOMIC_ACQ_REL);
}

bool health_is_ready(const struct health *health)
{
  return read_reasons(health) == 0;
}

const char *health_reason_name(enum health_reason reason)
{
  CHECK_THAT(reason, <, HEALTH_REASON_COUNT);
  return ROWS[reason].name;
}

struct bytes health_alive_body(void)
{
  return BYTES("{\"status\":\"ok\"}");
}

uint16_t health_write_ready(const struct health *health, struct buffer *buffer)
{
  /* Read once, so that status and body are of one moment. */
  uint32_t reasons = read_reasons(health);
  struct json_writer writer;
  json_writer_init(&writer, buffer);
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("status"));
  json_write_string(&writer, reasons == 0 ? BYTES("ready") : BYTES("not_ready"));
  if (reasons != 0) {
    json_write_key(&writer, BYTES("reasons"));
    json_write_array_begin(&writer);
    for (size_t i = 0; i < HEALTH_REASON_COUNT; i++)
      if ((reasons >> i & 1) != 0) json_write_string(&writer, ROWS[i].reason);
    json_write_array_end(&writer);
  }
  json_write_object_end(&writer);
  return reasons == 0 ? 200 : 503;
}
