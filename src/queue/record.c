#include "queue/record.h"

#include "base/check.h"
#include "queue/message_check.h"

#include <string.h>

#define TASK_PREFIX "#task/"

enum { TASK_NAME_BYTES = sizeof TASK_PREFIX - 1 + ID_TEXT_BYTES };

/* ---- writing ---- */

static void begin(struct value_writer *writer, struct buffer *scratch)
{
  buffer_clear(scratch);
  value_writer_init(writer, scratch);
  value_write_begin(writer, VALUE_MAP);
}

static struct value finish(struct value_writer *writer, struct arena *arena)
{
  struct value value;
  struct error error;
  value_write_end(writer);
  if (!value_writer_finish(writer, &value, &error)) return VALUE_NONE;
  struct bytes copy = arena_copy(arena, bytes_of(value.data, value.size));
  return (struct value){copy.data, copy.size};
}

static void write_integer(struct value_writer *writer, struct bytes name, int64_t integer)
{
  value_write_name(writer, name);
  value_write_integer(writer, integer);
}

static void write_bool(struct value_writer *writer, struct bytes name, bool boolean)
{
  value_write_name(writer, name);
  value_write_bool(writer, boolean);
}

static void write_string(struct value_writer *writer, struct bytes name, struct bytes text)
{
  value_write_name(writer, name);
  value_write_string(writer, text);
}

/* ---- reading: each false when the attribute is not there or of another type ---- */

static bool read_i64(struct value map, struct bytes name, int64_t *integer)
{
  return value_integer(value_attribute(map, name), integer);
}

static bool read_u64(struct value map, struct bytes name, uint64_t *integer)
{
  int64_t value;
  if (!read_i64(map, name, &value) || value < 0) return false;
  *integer = (uint64_t)value;
  return true;
}

static bool read_u32(struct value map, struct bytes name, uint32_t *integer)
{
  int64_t value;
  if (!read_i64(map, name, &value) || value < 0 || value > UINT32_MAX) return false;
  *integer = (uint32_t)value;
  return true;
}

static bool read_i32(struct value map, struct bytes name, int32_t *integer)
{
  int64_t value;
  if (!read_i64(map, name, &value) || value < INT32_MIN || value > INT32_MAX) return false;
  *integer = (int32_t)value;
  return true;
}

static bool read_bool(struct value map, struct bytes name, bool *boolean)
{
  struct value value = value_attribute(map, name);
  if (value_type(value) != VALUE_BOOL) return false;
  *boolean = value_bool(value);
  return true;
}

static bool read_string(struct value map, struct bytes name, struct bytes *text)
{
  struct value value = value_attribute(map, name);
  if (value_type(value) != VALUE_STRING) return false;
  *text = value_bytes(value);
  return true;
}

enum record_name record_name_of(struct value item)
{
  struct bytes name;
  if (!read_string(item, BYTES("name"), &name) || name.size == 0) return RECORD_UNKNOWN;
  if (name.data[0] != '#') return RECORD_QUEUE;
  if (bytes_equal(name, BYTES("#numbers"))) return RECORD_NUMBERS;
  if (bytes_equal(name, BYTES("#secret"))) return RECORD_SECRET;
  return bytes_starts_with(name, BYTES(TASK_PREFIX)) ? RECORD_TASK : RECORD_UNKNOWN;
}

/* ---- settings ---- */

void queue_settings_init(struct queue_settings *settings, bool fifo)
{
  *settings = (struct queue_settings){
      .fifo = fifo,
      .visibility_s = QUEUE_VISIBILITY_S,
      .retention_s = QUEUE_RETENTION_S,
      .message_bytes_max = QUEUE_MESSAGE_BYTES_MAX,
  };
}

static bool check_range(const char *what, int32_t value, int32_t least, int32_t most,
                        struct error *error)
{
  if (value >= least && value <= most) return true;
  return error_set(error, ERROR_INVALID, "%s is %d; it must be between %d and %d", what, value,
                   least, most);
}

static bool check_redrive(const struct queue_settings *settings, struct bytes name,
                          struct error *error)
{
  if (settings->dead_letter.size == 0)
    return settings->receives_max == 0 ||
           error_set(error, ERROR_INVALID, "RedrivePolicy has a maxReceiveCount and no queue");
  if (bytes_equal(settings->dead_letter, name))
    return error_set(error, ERROR_INVALID, "a queue cannot be its own dead-letter queue");
  return check_range("maxReceiveCount", settings->receives_max, 1, QUEUE_RECEIVES_MAX, error);
}

static bool check_allowed(const struct queue_settings *settings, struct error *error)
{
  bool listed = settings->allow == QUEUE_ALLOW_LISTED;
  if (settings->allowed_count > QUEUE_ALLOWED_MAX || listed != (settings->allowed_count > 0))
    return error_set(error, ERROR_INVALID,
                     "RedriveAllowPolicy: byQueue, and only that, names 1 to %d queues",
                     QUEUE_ALLOWED_MAX);
  for (uint32_t i = 0; i < settings->allowed_count; i++)
    if (!queue_name_is_valid(settings->allowed[i], settings->fifo))
      return error_set(error, ERROR_INVALID, "RedriveAllowPolicy: '%.*s' is no name of a queue",
                       BYTES_FORMAT(settings->allowed[i]));
  return true;
}

bool queue_settings_check(const struct queue_settings *settings, struct bytes name,
                          struct error *error)
{
  bool of_fifo = settings->deduplicate_by_content || settings->deduplicate_by_group ||
                 settings->limit_by_group;
  if (of_fifo && !settings->fifo)
    return error_set(error, ERROR_INVALID,
                     "ContentBasedDeduplication, DeduplicationScope and FifoThroughputLimit are "
                     "settings of FIFO queues");
  if (settings->limit_by_group && !settings->deduplicate_by_group)
    return error_set(error, ERROR_INVALID,
                     "FifoThroughputLimit can be perMessageGroupId only when DeduplicationScope is "
                     "messageGroup");
  return check_range("VisibilityTimeout", settings->visibility_s, 0, QUEUE_VISIBILITY_S_MAX,
                     error) &&
         check_range("DelaySeconds", settings->delay_s, 0, QUEUE_DELAY_S_MAX, error) &&
         check_range("MessageRetentionPeriod", settings->retention_s, QUEUE_RETENTION_S_MIN,
                     QUEUE_RETENTION_S_MAX, error) &&
         check_range("ReceiveMessageWaitTimeSeconds", settings->wait_s, 0, QUEUE_WAIT_S_MAX,
                     error) &&
         check_range("MaximumMessageSize", settings->message_bytes_max, QUEUE_MESSAGE_BYTES_MIN,
                     QUEUE_MESSAGE_BYTES_MAX, error) &&
         check_redrive(settings, name, error) && check_allowed(settings, error);
}

struct value queue_settings_encode(const struct queue_settings *settings, struct buffer *scratch,
                                   struct arena *arena)
{
  struct value_writer writer;
  begin(&writer, scratch);
  write_integer(&writer, BYTES("allow"), settings->allow);
  value_write_name(&writer, BYTES("allowed"));
  value_write_begin(&writer, VALUE_LIST);
  for (uint32_t i = 0; i < settings->allowed_count; i++)
    value_write_string(&writer, settings->allowed[i]);
  value_write_end(&writer);
  write_bool(&writer, BYTES("by_content"), settings->deduplicate_by_content);
  write_bool(&writer, BYTES("by_group"), settings->deduplicate_by_group);
  write_string(&writer, BYTES("dead_letter"), settings->dead_letter);
  write_integer(&writer, BYTES("delay_s"), settings->delay_s);
  write_bool(&writer, BYTES("fifo"), settings->fifo);
  write_bool(&writer, BYTES("limit_by_group"), settings->limit_by_group);
  write_integer(&writer, BYTES("message_bytes"), settings->message_bytes_max);
  write_integer(&writer, BYTES("receives"), settings->receives_max);
  write_integer(&writer, BYTES("retention_s"), settings->retention_s);
  write_integer(&writer, BYTES("visibility_s"), settings->visibility_s);
  write_integer(&writer, BYTES("wait_s"), settings->wait_s);
  return finish(&writer, arena);
}

static bool read_allowed(struct value list, struct queue_settings *settings)
{
  if (value_type(list) != VALUE_LIST || value_count(list) > QUEUE_ALLOWED_MAX) return false;
  struct value_iterator iterator = value_iterate(list);
  struct value name;
  while (value_next(&iterator, NULL, &name)) {
    if (value_type(name) != VALUE_STRING) return false;
    settings->allowed[settings->allowed_count++] = value_bytes(name);
  }
  return true;
}

static bool read_settings(struct value map, struct queue_settings *settings)
{
  uint32_t allow;
  *settings = (struct queue_settings){0};
  if (value_type(map) != VALUE_MAP || !read_u32(map, BYTES("allow"), &allow)) return false;
  settings->allow = (enum queue_allow)allow;
  return read_allowed(value_attribute(map, BYTES("allowed")), settings) &&
         read_bool(map, BYTES("by_content"), &settings->deduplicate_by_content) &&
         read_bool(map, BYTES("by_group"), &settings->deduplicate_by_group) &&
         read_string(map, BYTES("dead_letter"), &settings->dead_letter) &&
         read_i32(map, BYTES("delay_s"), &settings->delay_s) &&
         read_bool(map, BYTES("fifo"), &settings->fifo) &&
         read_bool(map, BYTES("limit_by_group"), &settings->limit_by_group) &&
         read_i32(map, BYTES("message_bytes"), &settings->message_bytes_max) &&
         read_i32(map, BYTES("receives"), &settings->receives_max) &&
         read_i32(map, BYTES("retention_s"), &settings->retention_s) &&
         read_i32(map, BYTES("visibility_s"), &settings->visibility_s) &&
         read_i32(map, BYTES("wait_s"), &settings->wait_s);
}

enum queue_status queue_tags_encode(const struct queue_tag *tags, uint32_t count,
                                    struct buffer *scratch, struct arena *arena,
                                    struct value *encoded)
{
  if (count > QUEUE_TAGS_MAX) return QUEUE_INVALID_TAG;
  struct value_writer writer;
  begin(&writer, scratch);
  for (uint32_t i = 0; i < count; i++) {
    struct bytes key = tags[i].key, value = tags[i].value;
    if (key.size == 0 || key.size > (size_t)QUEUE_TAG_KEY_MAX * 4 || !queue_text_is_allowed(key) ||
        value.size > (size_t)QUEUE_TAG_VALUE_MAX * 4 || !queue_text_is_allowed(value))
      return QUEUE_INVALID_TAG;
    write_string(&writer, key, value);
  }
  *encoded = finish(&writer, arena);
  if (value_present(*encoded)) return QUEUE_OK;
  /* A key that stands twice is all else that can be wrong with it. */
  return writer.error.code == ERROR_INVALID ? QUEUE_INVALID_TAG : QUEUE_UNAVAILABLE;
}

/* ---- records ---- */

struct value queue_record_make(const struct queue_record *record, struct buffer *scratch,
                               struct arena *arena)
{
  struct value settings = queue_settings_encode(&record->settings, scratch, arena);
  if (!value_present(settings)) return VALUE_NONE;
  struct value_writer writer;
  begin(&writer, scratch);
  write_integer(&writer, BYTES("changed"), record->changed_ms);
  write_integer(&writer, BYTES("created"), record->created_ms);
  write_integer(&writer, BYTES("id"), record->id);
  write_string(&writer, BYTES("name"), record->name);
  write_integer(&writer, BYTES("number"), record->number);
  value_write_name(&writer, BYTES("settings"));
  value_write_value(&writer, settings);
  value_write_name(&writer, BYTES("tags"));
  value_write_value(&writer, record->tags);
  return finish(&writer, arena);
}

bool queue_record_read(struct value item, struct queue_record *record)
{
  record->encoded_settings = value_attribute(item, BYTES("settings"));
  record->tags = value_attribute(item, BYTES("tags"));
  return read_string(item, BYTES("name"), &record->name) &&
         read_u32(item, BYTES("id"), &record->id) &&
         read_u32(item, BYTES("number"), &record->number) &&
         read_i64(item, BYTES("created"), &record->created_ms) &&
         read_i64(item, BYTES("changed"), &record->changed_ms) &&
         value_type(record->tags) == VALUE_MAP &&
         read_settings(record->encoded_settings, &record->settings);
}

struct value numbers_record_make(uint32_t next, struct buffer *scratch, struct arena *arena)
{
  struct value_writer writer;
  begin(&writer, scratch);
  write_string(&writer, BYTES("name"), BYTES("#numbers"));
  write_integer(&writer, BYTES("next"), next);
  return finish(&writer, arena);
}

bool numbers_record_read(struct value item, uint32_t *next)
{
  return read_u32(item, BYTES("next"), next);
}

struct value secret_record_make(const uint8_t key[RECEIPT_KEY_BYTES], struct buffer *scratch,
                                struct arena *arena)
{
  struct value_writer writer;
  begin(&writer, scratch);
  value_write_name(&writer, BYTES("key"));
  value_write_binary(&writer, bytes_of(key, RECEIPT_KEY_BYTES));
  write_string(&writer, BYTES("name"), BYTES("#secret"));
  return finish(&writer, arena);
}

bool secret_record_read(struct value item, uint8_t key[RECEIPT_KEY_BYTES])
{
  struct value value = value_attribute(item, BYTES("key"));
  if (value_type(value) != VALUE_BINARY || value_bytes(value).size != RECEIPT_KEY_BYTES)
    return false;
  memcpy(key, value_bytes(value).data, RECEIPT_KEY_BYTES);
  return true;
}

static void task_name(const struct id *id, char name[TASK_NAME_BYTES])
{
  memcpy(name, TASK_PREFIX, sizeof TASK_PREFIX - 1);
  id_format(id, name + sizeof TASK_PREFIX - 1);
}

struct value task_record_make(const struct task_record *task, struct buffer *scratch,
                              struct arena *arena)
{
  char name[TASK_NAME_BYTES];
  task_name(&task->id, name);
  struct value_writer writer;
  begin(&writer, scratch);
  write_integer(&writer, BYTES("destination"), task->destination);
  write_integer(&writer, BYTES("moved"), (int64_t)task->moved);
  write_string(&writer, BYTES("name"), bytes_of(name, sizeof name));
  write_integer(&writer, BYTES("rate"), task->rate);
  write_integer(&writer, BYTES("source"), task->source);
  write_integer(&writer, BYTES("started"), task->started_ms);
  write_integer(&writer, BYTES("status"), task->status);
  write_integer(&writer, BYTES("to_move"), (int64_t)task->to_move);
  return finish(&writer, arena);
}

bool task_record_read(struct value item, struct task_record *task)
{
  struct bytes name;
  uint32_t status;
  if (!read_string(item, BYTES("name"), &name) || !read_u32(item, BYTES("status"), &status) ||
      status > QUEUE_TASK_FAILED || !bytes_starts_with(name, BYTES(TASK_PREFIX)))
    return false;
  size_t prefix = sizeof TASK_PREFIX - 1;
  task->status = (enum queue_task_status)status;
  return id_parse(bytes_of(name.data + prefix, name.size - prefix), &task->id) &&
         read_u32(item, BYTES("source"), &task->source) &&
         read_u32(item, BYTES("destination"), &task->destination) &&
         read_i32(item, BYTES("rate"), &task->rate) &&
         read_u64(item, BYTES("to_move"), &task->to_move) &&
         read_u64(item, BYTES("moved"), &task->moved) &&
         read_i64(item, BYTES("started"), &task->started_ms);
}

struct value queue_record_key(struct bytes name, struct buffer *scratch, struct arena *arena)
{
  struct value_writer writer;
  begin(&writer, scratch);
  write_string(&writer, BYTES("name"), name);
  return finish(&writer, arena);
}

struct value task_record_key(const struct id *id, struct buffer *scratch, struct arena *arena)
{
  char name[TASK_NAME_BYTES];
  task_name(id, name);
  return queue_record_key(bytes_of(name, sizeof name), scratch, arena);
}
