#include "net/topic.h"

#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
  SUBSCRIBERS = 12,
  STEPS = 4000,
  STREAM_BYTES = 64 << 20, /* all that is ever published in the model */
};

/* What a subscriber has read must be this, from where it began. */
struct model {
  uint8_t *framed;
  size_t framed_size;
};

struct reader {
  struct subscriber subscriber;
  bool subscribed;
  bool bare;
};

static void model_put(struct model *model, struct bytes event)
{
  char frame[TOPIC_FRAME_BYTES + 1];
  snprintf(frame, sizeof frame, "%04zx\r\n", event.size);
  assert_true(model->framed_size + event.size + 8 <= STREAM_BYTES);
  memcpy(model->framed + model->framed_size, frame, TOPIC_FRAME_BYTES);
  memcpy(model->framed + model->framed_size + TOPIC_FRAME_BYTES, event.data, event.size);
  memcpy(model->framed + model->framed_size + TOPIC_FRAME_BYTES + event.size, "\r\n", 2);
  model->framed_size += TOPIC_FRAME_BYTES + event.size + 2;
}

/* The model's bytes begin where the shard's do, since somebody is always subscribed. */
static void read_framed(struct reader *reader, const struct model *model, struct random *random)
{
  struct bytes pending = topic_pending(&reader->subscriber);
  assert_int_equal(pending.size == 0, topic_has_all(&reader->subscriber));
  if (pending.size == 0) return;
  assert_memory_equal(pending.data, model->framed + reader->subscriber.position, pending.size);
  reader->subscriber.position += random_between(random, 1, pending.size);
}

static void read_bare(struct reader *reader, const struct model *model)
{
  struct bytes pieces[2];
  size_t step = topic_event(&reader->subscriber, pieces);
  assert_int_equal(step == 0, topic_has_all(&reader->subscriber));
  if (step == 0) return;
  assert_int_equal(pieces[0].size + pieces[1].size, step - TOPIC_FRAME_BYTES - 2);
  const uint8_t *wanted = model->framed + reader->subscriber.position + TOPIC_FRAME_BYTES;
  assert_memory_equal(pieces[0].data, wanted, pieces[0].size);
  if (pieces[1].size > 0)
    assert_memory_equal(pieces[1].data, wanted + pieces[0].size, pieces[1].size);
  reader->subscriber.position += step;
}

static void step_reader(struct reader *reader, struct topic_shard *shard, struct memory *memory,
                        const struct model *model, struct random *random)
{
  if (!reader->subscribed) {
    if (!random_chance(random, 200000)) return;
    assert_true(topic_subscribe(shard, &reader->subscriber, memory));
    assert_int_equal(reader->subscriber.position, model->framed_size);
    reader->subscribed = true;
    reader->bare = random_coin(random);
    return;
  }
  bool lost = topic_lost(&reader->subscriber);
  bool far = model->framed_size - reader->subscriber.position > NET_TOPIC_BYTES;
  if (far) assert_true(lost);
  if (model->framed_size - reader->subscriber.position <= NET_TOPIC_BYTES - TOPIC_EVENT_BYTES - 8)
    assert_false(lost);
  if (lost || random_chance(random, 10000)) {
    topic_unsubscribe(&reader->subscriber);
    reader->subscribed = false;
  } else if (reader->bare) {
    read_bare(reader, model);
  } else {
    read_framed(reader, model, random);
  }
}

static void test_against_a_model(void **state)
{
  (void)state;
  struct random random;
  uint64_t seed = random_seed(7);
  random_init(&random, seed);
  struct memory memory = {0};
  struct model model = {.framed = malloc(STREAM_BYTES)};
  assert_non_null(model.framed);
  struct topic *topic = topic_new(&memory, 2);
  struct topic_shard *shard = &topic->shards[1];
  static uint8_t event[TOPIC_EVENT_BYTES];
  static struct reader readers[SUBSCRIBERS];
  memset(readers, 0, sizeof readers);
  struct subscriber always; /* never reads: it loses, and stays */
  assert_true(topic_subscribe(shard, &always, &memory));
  for (int i = 0; i < STEPS; i++) {
    size_t limit = random_chance(&random, 100000) ? sizeof event : 700;
    size_t size = (size_t)random_between(&random, 1, limit);
    random_fill(&random, event, size);
    topic_put(shard, bytes_of(event, size));
    model_put(&model, bytes_of(event, size));
    assert_int_equal(shard->head, model.framed_size);
    assert_true(shard->head - shard->tail <= NET_TOPIC_BYTES);
    for (size_t j = 0; j < SUBSCRIBERS; j++)
      /* From one that reads everything to one that hardly does. */
      for (size_t k = 0; k < 1 + SUBSCRIBERS / (j + 1); k++)
        if (random_below(&random, SUBSCRIBERS) >= j)
          step_reader(&readers[j], shard, &memory, &model, &random);
  }
  assert_true(topic_lost(&always));
  topic_unsubscribe(&always);
  for (size_t j = 0; j < SUBSCRIBERS; j++)
    if (readers[j].subscribed) topic_unsubscribe(&readers[j].subscriber);
  assert_null(shard->first);
  assert_int_equal(shard->count, 0);
  for (size_t i = 0; i < 2; i++) topic_free_shard(&topic->shards[i], &memory);
  topic_free(topic, &memory);
  assert_int_equal(memory.in_use, 0);
  free(model.framed);
}

static void test_nobody_is_subscribed(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct topic *topic = topic_new(&memory, 1);
  struct topic_shard *shard = &topic->shards[0];
  topic_put(shard, BYTES("data: 1\n\n"));
  assert_null(shard->ring);
  assert_null(topic_turn(shard));
  struct subscriber subscriber;
  assert_true(topic_subscribe(shard, &subscriber, &memory));
  assert_true(topic_has_all(&subscriber));
  topic_put(shard, BYTES("data: 2\n\n"));
  struct bytes pending = topic_pending(&subscriber);
  assert_true(bytes_equal(pending, BYTES("0009\r\ndata: 2\n\n\r\n")));
  topic_unsubscribe(&subscriber);
  topic_put(shard, BYTES("data: 3\n\n"));
  assert_true(topic_subscribe(shard, &subscriber, &memory));
  assert_true(topic_has_all(&subscriber));
  assert_false(topic_lost(&subscriber));
  topic_unsubscribe(&subscriber);
  topic_free_shard(shard, &memory);
  topic_free(topic, &memory);
  assert_int_equal(memory.in_use, 0);
}

/* Everybody who was there at an event has a turn after it, whoever comes and goes meanwhile. */
static void test_turns(void **state)
{
  (void)state;
  enum { MANY = 20 };
  struct random random;
  random_init(&random, random_seed(9));
  struct memory memory = {0};
  struct topic *topic = topic_new(&memory, 1);
  struct topic_shard *shard = &topic->shards[0];
  struct subscriber subscribers[MANY] = {0};
  for (int round = 0; round < 2000; round++) {
    for (size_t i = 0; i < MANY; i++)
      if (subscribers[i].shard == NULL && random_coin(&random))
        assert_true(topic_subscribe(shard, &subscribers[i], &memory));
    topic_put(shard, BYTES("x"));
    struct subscriber *turn;
    size_t turns = 0;
    while ((turn = topic_turn(shard)) != NULL) {
      assert_non_null(turn->shard);
      assert_true(turns++ <= 2 * (size_t)MANY);
      if (!topic_lost(turn)) turn->position = shard->head;
      size_t other = (size_t)random_below(&random, MANY);
      if (subscribers[other].shard != NULL && random_chance(&random, 100000))
        topic_unsubscribe(&subscribers[other]);
    }
    for (size_t i = 0; i < MANY; i++)
      if (subscribers[i].shard != NULL) assert_true(topic_has_all(&subscribers[i]));
    size_t gone = (size_t)random_below(&random, MANY);
    if (subscribers[gone].shard != NULL) topic_unsubscribe(&subscribers[gone]);
  }
  for (size_t i = 0; i < MANY; i++)
    if (subscribers[i].shard != NULL) topic_unsubscribe(&subscribers[i]);
  topic_free_shard(shard, &memory);
  topic_free(topic, &memory);
}

static void test_no_memory(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  assert_null(topic_new(&memory, 1));
  struct topic *topic = topic_new(&memory, 1);
  struct subscriber subscriber = {0};
  memory.fail_at = memory.calls + 1;
  assert_false(topic_subscribe(&topic->shards[0], &subscriber, &memory));
  assert_null(topic->shards[0].first);
  assert_true(topic_subscribe(&topic->shards[0], &subscriber, &memory));
  topic_unsubscribe(&subscriber);
  topic_free_shard(&topic->shards[0], &memory);
  topic_free(topic, &memory);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_a_model),
      cmocka_unit_test(test_nobody_is_subscribed),
      cmocka_unit_test(test_turns),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
