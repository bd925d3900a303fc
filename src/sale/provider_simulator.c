#include "sale/provider_simulator.h"

#include "base/check.h"
#include "base/hash.h"
#include "sale/due.h"

enum {
  BUCKETS = 4096,
  INTENTS_MAX = 1 << 17,
  DELAY_MS = 2000,
  TELL_AT_A_TIME = 64,     /* answers in one slice */
  INTENT_PREFIX_BYTES = 3, /* "pi_" */
};

/* A refund that was made: the same key again is the same refund. */
struct simulated_refund {
  struct simulated_refund *next;
  size_t key_bytes;
  char key[PROVIDER_KEY_BYTES];
};

struct simulated_intent {
  struct due due;                 /* when it ends by itself: first, so that one is the other */
  struct simulated_intent *next;  /* of the bucket */
  struct simulated_intent *newer; /* in order of arrival */
  struct simulated_refund *refunds;
  struct provider_simulator_account account;
  bool approves; /* at its due time */
  size_t id_bytes;
  char id[SALE_ID_BYTES];
};

/* Something to be told. */
struct simulated_answer {
  struct due due;
  enum provider_verb verb;
  enum provider_outcome outcome;
  size_t command_bytes, intent_bytes;
  char command[SALE_ID_BYTES];
  char intent[SALE_ID_BYTES];
};

struct provider_simulator {
  struct provider_channel channel; /* first: it is the channel */
  struct provider_simulator_settings settings;
  struct memory *memory;
  uint64_t chance;
  uint64_t hash_seed;
  int64_t now_ms;
  struct due_heap ends; /* of intents */
  struct due_heap answers;
  struct simulated_intent **buckets;
  struct simulated_intent *oldest, *newest;
  uint32_t intent_count;
};

/* SplitMix64 (G. Steele, D. Lea, C. Flood 2014). */
static uint64_t draw(struct provider_simulator *simulator)
{
  uint64_t mixed = simulator->chance += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

static bool happens(struct provider_simulator *simulator, uint8_t percent)
{
  return percent > 0 && draw(simulator) % 100 < percent;
}

/* ---- intents ---- */

static struct simulated_intent **bucket_of(const struct provider_simulator *simulator,
                                           struct bytes id)
{
  return &simulator->buckets[hash_bytes(id, simulator->hash_seed) % BUCKETS];
}

static struct simulated_intent *find(const struct provider_simulator *simulator, struct bytes id)
{
  struct simulated_intent *intent = *bucket_of(simulator, id);
  while (intent != NULL && !bytes_equal(bytes_of(intent->id, intent->id_bytes), id))
    intent = intent->next;
  return intent;
}

static void forget_oldest(struct provider_simulator *simulator)
{
  struct simulated_intent *intent = simulator->oldest;
  struct simulated_intent **link = bucket_of(simulator, bytes_of(intent->id, intent->id_bytes));
  while (*link != intent) link = &(*link)->next;
  *link = intent->next;
  simulator->oldest = intent->newer;
  if (simulator->oldest == NULL) simulator->newest = NULL;
  simulator->intent_count--;
  due_clear(&simulator->ends, &intent->due);
  while (intent->refunds != NULL) {
    struct simulated_refund *refund = intent->refunds;
    intent->refunds = refund->next;
    memory_free(simulator->memory, refund, sizeof *refund);
  }
  memory_free(simulator->memory, intent, sizeof *intent);
}

/* NULL without memory. */
static struct simulated_intent *add(struct provider_simulator *simulator, struct bytes id,
                                    int64_t amount)
{
  CHECK_THAT(id.size, <=, SALE_ID_BYTES);
  if (!due_heap_reserve(&simulator->ends)) return NULL;
  struct simulated_intent *intent = memory_alloc_zeroed(simulator->memory, sizeof *intent);
  if (intent == NULL) return NULL;
  memcpy(intent->id, id.data, id.size);
  intent->id_bytes = id.size;
  intent->account = (struct provider_simulator_account){.outcome = PROVIDER_PENDING,
                                                        .amount = amount};
  struct simulated_intent **bucket = bucket_of(simulator, id);
  intent->next = *bucket;
  *bucket = intent;
  if (simulator->newest != NULL)
    simulator->newest->newer = intent;
  else
    simulator->oldest = intent;
  simulator->newest = intent;
  simulator->intent_count++;
  if (simulator->intent_count > simulator->settings.intents_max) forget_oldest(simulator);
  return intent;
}

static void end(struct provider_simulator *simulator, struct simulated_intent *intent,
                bool approved)
{
  due_clear(&simulator->ends, &intent->due);
  if (intent->account.outcome != PROVIDER_PENDING) return;
  intent->account.outcome = approved ? PROVIDER_APPROVED : PROVIDER_FAILED;
}

static bool is_approving(struct provider_simulator *simulator, struct bytes word)
{
  if (bytes_equal(word, BYTES("fail"))) return false;
  return !bytes_equal(word, BYTES("random")) || (draw(simulator) & 1) != 0;
}

/* A new intent ends by itself, or when somebody decides. */
static void begin(struct provider_simulator *simulator, struct simulated_intent *intent,
                  struct bytes scenario)
{
  const struct provider_simulator_settings *settings = &simulator->settings;
  bool delayed = bytes_equal(scenario, BYTES("delay"));
  if (!delayed && (!settings->unattended || scenario.size == 0)) return;
  intent->approves = is_approving(simulator, scenario);
  if (delayed)
    due_set(&simulator->ends, &intent->due, simulator->now_ms + settings->delay_ms);
  else
    end(simulator, intent, intent->approves);
}

/* ---- answers ---- */

static struct simulated_answer *make_answer(struct provider_simulator *simulator,
                                            const struct provider_answer *said)
{
  if (!due_heap_reserve(&simulator->answers)) return NULL;
  struct simulated_answer *answer = memory_alloc_zeroed(simulator->memory, sizeof *answer);
  if (answer == NULL) return NULL;
  CHECK(said->command_id.size <= sizeof answer->command);
  CHECK(said->intent_id.size <= sizeof answer->intent);
  answer->verb = said->verb;
  answer->outcome = said->outcome;
  answer->command_bytes = said->command_id.size;
  if (said->command_id.size > 0)
    memcpy(answer->command, said->command_id.data, said->command_id.size);
  answer->intent_bytes = said->intent_id.size;
  memcpy(answer->intent, said->intent_id.data, said->intent_id.size);
  uint64_t late_ms = simulator->settings.jitter_ms == 0
                         ? 0
                         : draw(simulator) % (simulator->settings.jitter_ms + (uint64_t)1);
  due_set(&simulator->answers, &answer->due,
          simulator->now_ms + simulator->settings.answer_ms + (int64_t)late_ms);
  return answer;
}

/* Without memory an answer is lost, as on any way. */
static void say(struct provider_simulator *simulator, const struct provider_answer *said)
{
  if (happens(simulator, simulator->settings.lose_percent)) return;
  (void)make_answer(simulator, said);
  if (happens(simulator, simulator->settings.twice_percent)) (void)make_answer(simulator, said);
}

/* The provider's id of a payment follows from the intent's: "pay_" for "pi_". */
static size_t payment_id_of(struct bytes intent_id, char text[SALE_ID_BYTES + 4])
{
  struct bytes rest = intent_id;
  if (bytes_starts_with(rest, BYTES("pi_"))) {
    rest.data += INTENT_PREFIX_BYTES;
    rest.size -= INTENT_PREFIX_BYTES;
  }
  memcpy(text, "pay_", 4);
  memcpy(text + 4, rest.data, rest.size);
  return rest.size + 4;
}

static void tell(struct provider_simulator *simulator, struct simulated_answer *answer)
{
  char payment_id[SALE_ID_BYTES + 4];
  struct bytes intent_id = bytes_of(answer->intent, answer->intent_bytes);
  size_t size = payment_id_of(intent_id, payment_id);
  const struct provider_answer told = {
      .verb = answer->verb,
      .outcome = answer->outcome,
      .command_id = bytes_of(answer->command, answer->command_bytes),
      .intent_id = intent_id,
      .payment_id = answer->outcome == PROVIDER_UNKNOWN ? (struct bytes){NULL, 0}
                                                        : bytes_of(payment_id, size),
  };
  due_clear(&simulator->answers, &answer->due);
  if (simulator->channel.provider != NULL) provider_told(simulator->channel.provider, &told);
  memory_free(simulator->memory, answer, sizeof *answer);
}

/* ---- the provider's side of each request ---- */

static enum provider_outcome refund(struct provider_simulator *simulator,
                                    struct simulated_intent *intent,
                                    const struct provider_request *request)
{
  struct simulated_refund *refund = intent->refunds;
  while (refund != NULL && !bytes_equal(bytes_of(refund->key, refund->key_bytes), request->key))
    refund = refund->next;
  if (refund != NULL) return PROVIDER_APPROVED;
  if (intent->account.outcome != PROVIDER_APPROVED ||
      request->amount > intent->account.amount - intent->account.refunded)
    return PROVIDER_FAILED;
  refund = memory_alloc_zeroed(simulator->memory, sizeof *refund);
  if (refund == NULL) return PROVIDER_UNCLEAR;
  CHECK_THAT(request->key.size, <=, PROVIDER_KEY_BYTES);
  memcpy(refund->key, request->key.data, request->key.size);
  refund->key_bytes = request->key.size;
  refund->next = intent->refunds;
  intent->refunds = refund;
  intent->account.refunded += request->amount;
  intent->account.refunds++;
  return PROVIDER_APPROVED;
}

static enum provider_outcome move_money(struct provider_simulator *simulator,
                                        struct simulated_intent *intent,
                                        const struct provider_request *request)
{
  if (happens(simulator, simulator->settings.refuse_percent)) return PROVIDER_FAILED;
  if (intent == NULL) return PROVIDER_APPROVED;
  if (request->verb == PROVIDER_REFUND) return refund(simulator, intent, request);
  if (intent->account.outcome != PROVIDER_APPROVED) return PROVIDER_FAILED;
  intent->account.captured = true;
  return PROVIDER_APPROVED;
}

static enum provider_outcome handle(struct provider_simulator *simulator,
                                    const struct provider_request *request)
{
  struct simulated_intent *intent = find(simulator, request->intent_id);
  switch (request->verb) {
  case PROVIDER_AUTHORISE:
    if (intent == NULL) {
      intent = add(simulator, request->intent_id, request->amount);
      if (intent == NULL) return PROVIDER_UNCLEAR;
      begin(simulator, intent, request->scenario);
    }
    return intent->account.outcome;
  case PROVIDER_QUERY:
    return intent == NULL ? PROVIDER_UNKNOWN : intent->account.outcome;
  case PROVIDER_CANCEL:
    if (intent == NULL) return PROVIDER_UNKNOWN;
    end(simulator, intent, false);
    return intent->account.outcome;
  case PROVIDER_CAPTURE:
  case PROVIDER_REFUND:
  case PROVIDER_VERBS:
    break;
  }
  return move_money(simulator, intent, request);
}

static bool simulator_send(struct provider_channel *channel, const struct provider_request *request,
                           int64_t now_ms)
{
  struct provider_simulator *simulator = (struct provider_simulator *)channel;
  simulator->now_ms = now_ms;
  const struct provider_answer said = {
      .verb = request->verb,
      .outcome = handle(simulator, request),
      .command_id = request->command_id,
      .intent_id = request->intent_id,
  };
  say(simulator, &said);
  return true;
}

static bool simulator_tick(struct provider_channel *channel, int64_t now_ms)
{
  struct provider_simulator *simulator = (struct provider_simulator *)channel;
  struct due *due;
  if (now_ms < simulator->now_ms) {
    due_shift(&simulator->ends, now_ms - simulator->now_ms);
    due_shift(&simulator->answers, now_ms - simulator->now_ms);
  }
  simulator->now_ms = now_ms;
  for (int i = 0; i < TELL_AT_A_TIME && (due = due_first(&simulator->ends, now_ms)) != NULL; i++) {
    struct simulated_intent *intent = (struct simulated_intent *)due;
    end(simulator, intent, intent->approves);
    const struct provider_answer said = {.verb = PROVIDER_QUERY,
                                         .outcome = intent->account.outcome,
                                         .intent_id = bytes_of(intent->id, intent->id_bytes)};
    say(simulator, &said);
  }
  for (int i = 0; i < TELL_AT_A_TIME && (due = due_first(&simulator->answers, now_ms)) != NULL; i++)
    tell(simulator, (struct simulated_answer *)due);
  return due_first(&simulator->ends, now_ms) != NULL ||
         due_first(&simulator->answers, now_ms) != NULL;
}

/* ---- for its owner ---- */

enum provider_outcome provider_simulator_decide(struct provider_simulator *simulator,
                                                struct arena *arena,
                                                const struct sale_payment *payment,
                                                struct bytes word, struct bytes *payment_id)
{
  char text[SALE_ID_BYTES + 4];
  struct simulated_intent *intent = find(simulator, payment->intent_id);
  if (intent == NULL) intent = add(simulator, payment->intent_id, payment->amount);
  if (intent == NULL) return PROVIDER_UNCLEAR;
  *payment_id = arena_copy(arena, bytes_of(text, payment_id_of(payment->intent_id, text)));
  if (payment_id->data == NULL) return PROVIDER_UNCLEAR;
  if (intent->account.outcome == PROVIDER_PENDING)
    end(simulator, intent, is_approving(simulator, word));
  return intent->account.outcome;
}

bool provider_simulator_account(const struct provider_simulator *simulator, struct bytes intent_id,
                                struct provider_simulator_account *account)
{
  const struct simulated_intent *intent = find(simulator, intent_id);
  if (intent != NULL) *account = intent->account;
  return intent != NULL;
}

void provider_simulator_set(struct provider_simulator *simulator,
                            const struct provider_simulator_settings *settings)
{
  simulator->settings = *settings;
  if (settings->intents_max == 0) simulator->settings.intents_max = INTENTS_MAX;
  if (settings->delay_ms == 0) simulator->settings.delay_ms = DELAY_MS;
}

struct provider_channel *provider_simulator_channel(struct provider_simulator *simulator)
{
  return &simulator->channel;
}

struct provider_simulator *provider_simulator_open(
    struct world *world, const struct provider_simulator_settings *settings, struct error *error)
{
  static const struct provider_channel_operations OPERATIONS = {"simulator", simulator_send,
                                                                simulator_tick};
  struct memory *memory = &world->memory;
  struct provider_simulator *simulator = memory_alloc_zeroed(memory, sizeof *simulator);
  struct simulated_intent **buckets = memory_alloc_zeroed(memory, BUCKETS * sizeof *buckets);
  if (simulator == NULL || buckets == NULL) {
    memory_free(memory, simulator, simulator == NULL ? 0 : sizeof *simulator);
    memory_free(memory, buckets, buckets == NULL ? 0 : BUCKETS * sizeof *buckets);
    error_set(error, ERROR_NO_MEMORY, "no memory for the simulated payment provider");
    return NULL;
  }
  simulator->channel.operations = &OPERATIONS;
  simulator->memory = memory;
  simulator->buckets = buckets;
  due_heap_init(&simulator->ends, memory);
  due_heap_init(&simulator->answers, memory);
  world_entropy(world, &simulator->chance, sizeof simulator->chance);
  world_entropy(world, &simulator->hash_seed, sizeof simulator->hash_seed);
  provider_simulator_set(simulator, settings);
  return simulator;
}

void provider_simulator_close(struct provider_simulator *simulator)
{
  if (simulator == NULL) return;
  while (simulator->oldest != NULL) forget_oldest(simulator);
  while (simulator->answers.count > 0) {
    struct simulated_answer *answer = (struct simulated_answer *)simulator->answers.items[0];
    due_clear(&simulator->answers, &answer->due);
    memory_free(simulator->memory, answer, sizeof *answer);
  }
  due_heap_free(&simulator->ends);
  due_heap_free(&simulator->answers);
  memory_free(simulator->memory, simulator->buckets, BUCKETS * sizeof *simulator->buckets);
  memory_free(simulator->memory, simulator, sizeof *simulator);
}
