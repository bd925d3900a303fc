/*
 * JSON as RFC 8259 has it, strictly: a pull parser and a writer.
 *
 * Reader. json_next gives one token after the other; the helpers below it read what a handler
 * expects and refuse the rest with a message. The first error sticks: every later call fails too,
 * so a handler looks once, at its end.
 *
 *   struct json_reader reader;
 *   json_reader_init(&reader, body, arena);
 *   if (!json_read_object(&reader)) ...
 *   while (json_read_key(&reader, &key)) {
 *     if (bytes_equal(key, BYTES("seats"))) json_read_integer(&reader, &seats);
 *     else json_skip(&reader);
 *   }
 *   if (!json_read_end(&reader)) return reply_400(reader.error.message);
 *
 * Refused: ill-formed UTF-8 anywhere, a byte order mark, an object with the same key twice, escapes
 * of lone surrogates, nesting beyond JSON_DEPTH_MAX, anything after the document.
 *
 * Memory: strings without escapes are slices of the input, which must outlive them; others are
 * unescaped into the arena. An object of more than JSON_KEYS_INLINE keys takes arena memory too, to
 * find equal keys. Nothing else is allocated. A reader may not be moved: it points into itself.
 *
 * Writer. Appends to a buffer, compactly, with commas and colons where they belong. Calls in an
 * order that makes no document are CHECKed. When memory runs out the buffer's `failed` sticks.
 *
 * Not thread-safe; one thread per reader or writer.
 */
#ifndef TACOS_BASE_JSON_H
#define TACOS_BASE_JSON_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

enum {
  /* Objects and arrays inside each other: a DynamoDB item 32 deep takes two levels for each of its
     own ({"M": {"name": ...}}), and a transaction wraps it in six more. */
  JSON_DEPTH_MAX = 128,
  /* Keys of all objects open at one time: bounds the work and memory to find equal ones. */
  JSON_KEYS_MAX = 8192,
  JSON_KEYS_INLINE = 32, /* so many cost no arena memory */
};

enum json_token {
  JSON_ERROR, /* reader.error says what; so does every token after it */
  JSON_OBJECT_BEGIN,
  JSON_OBJECT_END,
  JSON_ARRAY_BEGIN,
  JSON_ARRAY_END,
  JSON_KEY,     /* reader.text */
  JSON_STRING,  /* reader.text */
  JSON_INTEGER, /* reader.integer, and reader.text as written */
  JSON_NUMBER,  /* not a 64-bit integer: reader.text as written, of valid grammar */
  JSON_TRUE,
  JSON_FALSE,
  JSON_NULL,
  JSON_END, /* the document was whole; so does every token after it */
};

/* Where in the grammar the next token is. */
enum json_state {
  JSON_STATE_VALUE,        /* at the start, or after a key's colon */
  JSON_STATE_ARRAY_BEGUN,  /* a value or ']' */
  JSON_STATE_OBJECT_BEGUN, /* a key or '}' */
  JSON_STATE_AFTER_VALUE,  /* ',' or the end of what is open */
  JSON_STATE_DONE,
  JSON_STATE_FAILED,
};

/* A key of an open object, in a chain of its bucket, newest first. */
struct json_key {
  struct bytes text;
  uint32_t hash;
  uint16_t older; /* index + 1 of the next in the chain, 0: none */
};

struct json_level {
  uint16_t keys_before; /* keys of the objects around it */
  bool is_object;
};

struct json_reader {
  /* For the caller, after json_next. */
  struct bytes text;
  int64_t integer;
  size_t token_offset; /* of the token's first byte in the input */
  struct error error;  /* set once a token is JSON_ERROR */

  /* json_reader.c only. */
  bool trusted;
  struct bytes input;
  size_t offset;
  struct arena *arena;
  enum json_state state;
  uint32_t depth;
  uint32_t keys_count;
  uint32_t keys_capacity; /* a power of two; there are twice as many buckets */
  struct json_key *keys;
  uint16_t *buckets; /* index + 1 of the newest key, 0: none */
  struct json_level levels[JSON_DEPTH_MAX];
  uint16_t inline_buckets[2 * JSON_KEYS_INLINE];
  struct json_key inline_keys[JSON_KEYS_INLINE];
};

void json_reader_init(struct json_reader *reader, struct bytes input, struct arena *arena);

/*
 * The document is known to be well-formed, since we wrote it: what is skipped is passed over by its
 * quotes and brackets, without a look at what is between. Right after json_reader_init.
 */
void json_reader_trust(struct json_reader *reader);

enum json_token json_next(struct json_reader *reader);

/* Reads one value, of any kind, and forgets it. False on error, as all below. */
bool json_skip(struct json_reader *reader);

/* Reads one value of any kind as the slice of the input it is written in. */
bool json_read_raw(struct json_reader *reader, struct bytes *raw);

/* The next token must be of the kind; `value` is as it was when it is not. */
bool json_read_string(struct json_reader *reader, struct bytes *value);
bool json_read_integer(struct json_reader *reader, int64_t *value);
bool json_read_bool(struct json_reader *reader, bool *value);

/* Enters an object; then json_read_key gives each key, and false at its end or on error. */
bool json_read_object(struct json_reader *reader);
bool json_read_key(struct json_reader *reader, struct bytes *key);

/* Enters an array; then json_read_element is true before each element, false at the array's end. */
bool json_read_array(struct json_reader *reader);
bool json_read_element(struct json_reader *reader);

/* Whether the document ends here and there was no error. */
bool json_read_end(struct json_reader *reader);

/*
 * Refuses the last token for a reason of the caller's ("must be positive"): sets the error with the
 * token's place. Keeps an earlier error. Returns false.
 */
bool json_refuse(struct json_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The number of bytes at the start of text that stand in a string as they are. */
size_t json_plain_size(struct bytes text);

/* The size of the number (RFC 8259 section 6) that text starts with; 0 when it starts with none. */
size_t json_number_size(struct bytes text, bool *is_integer);

struct json_writer {
  struct buffer *buffer;
  uint32_t depth;
  bool need_comma;                /* a value or key stands before the next one */
  bool have_key;                  /* a key waits for its value */
  bool is_object[JSON_DEPTH_MAX]; /* of each open level */
};

/* Appends one document to what the buffer holds. */
void json_writer_init(struct json_writer *writer, struct buffer *buffer);

/* CHECKs that the document is whole; false when memory ran out on the way. */
bool json_writer_finish(const struct json_writer *writer);

void json_write_object_begin(struct json_writer *writer);
void json_write_object_end(struct json_writer *writer);
void json_write_array_begin(struct json_writer *writer);
void json_write_array_end(struct json_writer *writer);

/* That the keys of one object differ is the caller's affair. */
void json_write_key(struct json_writer *writer, struct bytes key);

/* Each byte that is not part of well-formed UTF-8 becomes U+FFFD. */
void json_write_string(struct json_writer *writer, struct bytes text);
void json_write_integer(struct json_writer *writer, int64_t value);
void json_write_unsigned(struct json_writer *writer, uint64_t value);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);

/* A number as text; CHECKed against the grammar. */
void json_write_number(struct json_writer *writer, struct bytes number);

/* A whole value that is JSON already; not looked at. */
void json_write_raw(struct json_writer *writer, struct bytes json);

#endif
