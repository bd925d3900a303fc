#include "base/id.h"

#include "base/check.h"

enum { TIME_BYTES = ID_BYTES - ID_RANDOM_BYTES };

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void put_time(struct id *id, int64_t time_ms)
{
  CHECK_THAT(time_ms, >=, 0);
  CHECK_THAT(time_ms, <, INT64_C(1) << 48);
  for (int i = TIME_BYTES - 1; i >= 0; i--, time_ms >>= 8) id->bytes[i] = (uint8_t)time_ms;
}

static void put_random(struct id_generator *generator, struct id *id)
{
  if (generator->pool_used == ID_POOL_BYTES) {
    world_entropy(generator->world, generator->pool, ID_POOL_BYTES);
    generator->pool_used = 0;
  }
  memcpy(id->bytes + TIME_BYTES, generator->pool + generator->pool_used, ID_RANDOM_BYTES);
  generator->pool_used += ID_RANDOM_BYTES;
  CHECK_THAT(generator->pool_used, <=, ID_POOL_BYTES);
}

void id_generator_init(struct id_generator *generator, struct world *world)
{
  *generator = (struct id_generator){.world = world, .pool_used = ID_POOL_BYTES};
  /* So that ids are random also while the clock stands before 1970. */
  put_random(generator, &generator->last);
}

static void increment(struct id *id)
{
  for (int i = ID_BYTES - 1; i >= 0; i--)
    if (++id->bytes[i] != 0) return;
  check_failed(__FILE__, __LINE__, __func__, "2^128 ids are not used up");
}

struct id id_generate(struct id_generator *generator)
{
  int64_t now_ms = world_clock_ms(generator->world);
  struct id id = generator->last;
  if (now_ms > id_time_ms(&id)) {
    put_time(&id, now_ms);
    put_random(generator, &id);
  } else {
    increment(&id);
  }
  CHECK(id_compare(&id, &generator->last) > 0);
  generator->last = id;
  return id;
}

int64_t id_time_ms(const struct id *id)
{
  int64_t time_ms = 0;
  for (int i = 0; i < TIME_BYTES; i++) time_ms = time_ms << 8 | id->bytes[i];
  return time_ms;
}

void id_format(const struct id *id, char text[ID_TEXT_BYTES])
{
  unsigned __int128 value = 0;
  for (int i = 0; i < ID_BYTES; i++) value = value << 8 | id->bytes[i];
  for (int i = ID_TEXT_BYTES - 1; i >= 0; i--, value >>= 5) text[i] = digits[value & 31];
}

bool id_parse(struct bytes text, struct id *id)
{
  if (text.size != ID_TEXT_BYTES || text.data[0] > '7') return false; /* 26 digits hold 130 bits */
  unsigned __int128 value = 0;
  for (size_t i = 0; i < ID_TEXT_BYTES; i++) {
    const char *digit = memchr(digits, text.data[i], sizeof(digits) - 1);
    if (digit == NULL) return false;
    value = value << 5 | (unsigned int)(digit - digits);
  }
  for (int i = ID_BYTES - 1; i >= 0; i--, value >>= 8) id->bytes[i] = (uint8_t)value;
  return true;
}
