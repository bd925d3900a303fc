#include "load/template.h"

#include "base/check.h"
#include "load/random.h"
#include "net/http_text.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 40, NUMBER_DIGITS_MAX = 9 };

static const struct built_in {
  const char *name;
  enum part_kind kind;
} BUILT_IN[] = {
    {"event", PART_EVENT},       {"user", PART_USER},     {"token", PART_TOKEN},
    {"address", PART_ADDRESS},   {"uuid", PART_UUID},     {"number", PART_NUMBER},
    {"random", PART_RANDOM},     {"choice", PART_CHOICE}, {"some_seats", PART_SEATS},
    {"hot_seat", PART_HOT_SEAT},
};

enum { BUILT_IN_COUNT = sizeof BUILT_IN / sizeof BUILT_IN[0] };

static bool is_name_byte(uint8_t byte)
{
  return http_byte_is(byte, HTTP_CLASS_LETTER) || http_byte_is(byte, HTTP_CLASS_DIGIT) ||
         byte == '_';
}

static bool is_name(struct bytes name)
{
  if (name.size == 0 || name.size > NAME_BYTES_MAX) return false;
  for (size_t i = 0; i < name.size; i++)
    if (!is_name_byte(name.data[i])) return false;
  return true;
}

static const struct built_in *find_built_in(struct bytes name)
{
  for (size_t i = 0; i < BUILT_IN_COUNT; i++)
    if (bytes_equal(name, bytes_of_text(BUILT_IN[i].name))) return &BUILT_IN[i];
  return NULL;
}

bool template_name_is_valid(struct bytes name)
{
  return is_name(name) && find_built_in(name) == NULL && !bytes_equal(name, BYTES("json"));
}

int template_name(struct template_names *names, struct bytes name)
{
  for (uint32_t i = 0; i < names->count; i++)
    if (bytes_equal(names->names[i], name)) return (int)i;
  if (names->count == LOAD_NAMES_MAX) return -1;
  names->names[names->count] = name;
  return (int)names->count++;
}

/* The word up to a space, taken off the front of `rest`. */
static struct bytes take_word(struct bytes *rest)
{
  size_t size = 0;
  while (size < rest->size && rest->data[size] != ' ') size++;
  struct bytes word = bytes_of(rest->data, size);
  while (size < rest->size && rest->data[size] == ' ') size++;
  *rest = bytes_of(rest->data + size, rest->size - size);
  return word;
}

static bool number_of(struct bytes text, int64_t *number)
{
  *number = 0;
  if (text.size == 0 || text.size > NUMBER_DIGITS_MAX) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (!http_byte_is(text.data[i], HTTP_CLASS_DIGIT)) return false;
    *number = *number * 10 + (text.data[i] - '0');
  }
  return true;
}

/* "1 6", or "2" and "1-4" of seats. */
static bool read_range(struct template_part *part, struct bytes rest, struct error *error)
{
  bool seats = part->kind == PART_SEATS;
  const uint8_t *mark = rest.size == 0 ? NULL : memchr(rest.data, seats ? '-' : ' ', rest.size);
  struct bytes low = rest, high = rest;
  if (mark != NULL) {
    low.size = (size_t)(mark - rest.data);
    high = bytes_of(mark + 1, rest.size - low.size - 1);
  }
  bool good = (mark != NULL || seats) && number_of(low, &part->low) &&
              number_of(high, &part->high) && part->low <= part->high;
  if (!good || (seats && (part->low < 1 || part->high > LOAD_SEATS_MAX)))
    return error_set(
        error, ERROR_INVALID,
        seats ? "${some_seats %.*s}: write ${some_seats 2} or ${some_seats 1-4}, up to 10"
              : "${random %.*s}: write ${random 1 6}, the least and the greatest",
        BYTES_FORMAT(rest));
  return true;
}

/* What stands between "${" and "}". */
static bool read_variable(struct template_part *part, enum template_use use, struct bytes inner,
                          struct template_names *names, struct error *error)
{
  struct bytes rest = inner;
  struct bytes word = take_word(&rest);
  *part = (struct template_part){0};
  if (bytes_equal(word, BYTES("json"))) {
    if (use != TEMPLATE_BODY)
      return error_set(error, ERROR_INVALID, "${%.*s}: a JSON value stands only in a body",
                       BYTES_FORMAT(inner));
    part->json = true;
    word = take_word(&rest);
  }
  const struct built_in *built_in = find_built_in(word);
  if (built_in != NULL) {
    part->kind = built_in->kind;
    part->text = rest;
    if (part->kind == PART_RANDOM || part->kind == PART_SEATS) return read_range(part, rest, error);
    bool wants_words = part->kind == PART_CHOICE;
    if (wants_words == (rest.size > 0)) return true;
    return error_set(error, ERROR_INVALID,
                     wants_words ? "${%.*s}: write ${choice a|b|c}"
                                 : "${%.*s} takes nothing behind its name",
                     BYTES_FORMAT(inner));
  }
  if (!is_name(word) || rest.size > 0)
    return error_set(error, ERROR_INVALID, "${%.*s} is no variable", BYTES_FORMAT(inner));
  int place = template_name(names, word);
  if (place < 0)
    return error_set(error, ERROR_LIMIT, "more than %d variables", (int)LOAD_NAMES_MAX);
  part->kind = PART_VARIABLE;
  part->variable = (uint32_t)place;
  return true;
}

/* A value that stands for itself takes the quotes around it away: both must be there. */
static bool strip_quotes(struct template_part *parts, uint32_t count, struct bytes *rest)
{
  struct template_part *before = count == 0 ? NULL : &parts[count - 1];
  if (before == NULL || before->kind != PART_TEXT || before->text.size == 0) return false;
  if (before->text.data[before->text.size - 1] != '"') return false;
  if (rest->size == 0 || rest->data[0] != '"') return false;
  before->text.size--;
  *rest = bytes_of(rest->data + 1, rest->size - 1);
  return true;
}

bool template_compile(struct template *template, enum template_use use, struct bytes text,
                      struct template_names *names, struct arena *arena, struct error *error)
{
  struct template_part parts[LOAD_PARTS_MAX];
  uint32_t count = 0;
  struct bytes rest = text;
  while (rest.size > 0) {
    if (count + 2 > LOAD_PARTS_MAX)
      return error_set(error, ERROR_LIMIT, "more than %d variables in one text",
                       LOAD_PARTS_MAX / 2);
    size_t plain = bytes_find(rest, BYTES("${"));
    if (plain == SIZE_MAX) plain = rest.size;
    if (plain > 0)
      parts[count++] = (struct template_part){.kind = PART_TEXT,
                                              .text = bytes_of(rest.data, plain)};
    rest = bytes_of(rest.data + plain, rest.size - plain);
    if (rest.size == 0) break;
    size_t end = bytes_find(rest, BYTES("}"));
    if (end == SIZE_MAX) return error_set(error, ERROR_INVALID, "\"${\" without its \"}\"");
    struct bytes inner = bytes_of(rest.data + 2, end - 2);
    rest = bytes_of(rest.data + end + 1, rest.size - end - 1);
    if (!read_variable(&parts[count], use, inner, names, error)) return false;
    if (parts[count].json && !strip_quotes(parts, count, &rest))
      return error_set(error, ERROR_INVALID, "${%.*s} must be all of its string: \"${%.*s}\"",
                       BYTES_FORMAT(inner), BYTES_FORMAT(inner));
    count++;
  }
  struct bytes copy = arena_copy(arena, bytes_of(parts, count * sizeof parts[0]));
  if (copy.data == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a template");
  *template = (struct template){use, count, (const struct template_part *)(const void *)copy.data};
  return true;
}

bool template_has(const struct template *template, enum part_kind kind)
{
  for (uint32_t i = 0; i < template->count; i++)
    if (template->parts[i].kind == kind) return true;
  return false;
}

/* ---- rendering ---- */

static const char HEX[] = "0123456789abcdef";

static bool append_percent(struct buffer *to, struct bytes text)
{
  if (!buffer_reserve(to, 3 * text.size)) return false;
  uint8_t *at = to->data + to->size;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    if (http_byte_is(byte, HTTP_CLASS_HOST)) {
      *at++ = byte;
      continue;
    }
    *at++ = '%';
    *at++ = (uint8_t) "0123456789ABCDEF"[byte >> 4];
    *at++ = (uint8_t) "0123456789ABCDEF"[byte & 15];
  }
  to->size = (size_t)(at - to->data);
  return true;
}

/* As part of a JSON string. */
static bool append_escaped(struct buffer *to, struct bytes text)
{
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    bool good = true;
    if (byte == '"' || byte == '\\')
      good = buffer_append_byte(to, '\\') && buffer_append_byte(to, byte);
    else if (byte < 0x20)
      good = buffer_append_format(to, "\\u%04x", (unsigned int)byte);
    else
      good = buffer_append_byte(to, byte);
    if (!good) return false;
  }
  return true;
}

static bool append_header(struct buffer *to, struct bytes text)
{
  for (size_t i = 0; i < text.size; i++)
    if (http_byte_is(text.data[i], HTTP_CLASS_VALUE) && !buffer_append_byte(to, text.data[i]))
      return false;
  return true;
}

/* Without '"', '\' and control bytes: the same in a string of JSON. */
static bool is_plain(struct bytes text)
{
  return json_plain_size(text) == text.size;
}

static bool append_value(const struct template_part *part, enum template_use use,
                         const struct load_value *value, struct buffer *to)
{
  if (part->json && value->is_json) return buffer_append(to, value->text);
  if (part->json)
    return buffer_append_byte(to, '"') && append_escaped(to, value->text) &&
           buffer_append_byte(to, '"');
  if (use == TEMPLATE_PATH) return append_percent(to, value->text);
  if (is_plain(value->text)) return buffer_append(to, value->text);
  return use == TEMPLATE_BODY ? append_escaped(to, value->text) : append_header(to, value->text);
}

static struct bytes make_uuid(uint64_t *random, char text[36])
{
  uint64_t halves[2] = {load_random(random), load_random(random)};
  uint8_t bytes[16];
  memcpy(bytes, halves, sizeof bytes);
  bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0F));
  bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3F));
  char *at = text;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = HEX[bytes[i] >> 4];
    *at++ = HEX[bytes[i] & 15];
  }
  return bytes_of(text, 36);
}

static struct bytes choose(const struct template_part *part, uint64_t *random)
{
  struct bytes rest = part->text;
  uint64_t count = 1;
  for (size_t i = 0; i < rest.size; i++) count += rest.data[i] == '|';
  for (uint64_t skip = load_random_below(random, count);; skip--) {
    const uint8_t *bar = memchr(rest.data, '|', rest.size);
    size_t size = bar == NULL ? rest.size : (size_t)(bar - rest.data);
    if (skip == 0) return bytes_of(rest.data, size);
    rest = bytes_of(rest.data + size + 1, rest.size - size - 1);
  }
}

static int64_t draw(const struct template_part *part, uint64_t *random)
{
  return part->low + (int64_t)load_random_below(random, (uint64_t)(part->high - part->low + 1));
}

/* Neighbours of a row that is drawn by its size; fewer when the row is shorter. */
static bool append_seats(const struct template_part *part, const struct template_source *source,
                         struct buffer *to)
{
  const struct seat_list *list = source->seats;
  if (list == NULL || list->count == 0) return buffer_append(to, BYTES("[]"));
  uint32_t seat = (uint32_t)load_random_below(source->random, list->count);
  uint32_t low = 0, high = list->row_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (list->rows[middle].first <= seat)
      low = middle;
    else
      high = middle;
  }
  const struct seat_row *row = &list->rows[low];
  uint32_t count = (uint32_t)draw(part, source->random);
  if (count > row->count) count = row->count;
  if (seat > row->first + row->count - count) seat = row->first + row->count - count;
  bool good = buffer_append_byte(to, '[');
  for (uint32_t i = 0; good && i < count; i++)
    good = (i == 0 || buffer_append_byte(to, ',')) && buffer_append_byte(to, '"') &&
           append_escaped(to, list->ids[seat + i]) && buffer_append_byte(to, '"');
  return good && buffer_append_byte(to, ']');
}

static bool append_hot_seat(const struct template_source *source, struct buffer *to)
{
  const struct seat_list *list = source->seats;
  if (list == NULL || list->count == 0) return buffer_append(to, BYTES("[]"));
  return buffer_append(to, BYTES("[\"")) &&
         append_escaped(to, list->ids[source->run % list->count]) &&
         buffer_append(to, BYTES("\"]"));
}

static bool append_part(const struct template_part *part, enum template_use use,
                        const struct template_source *source, struct buffer *to)
{
  char text[40];
  struct load_value value = {.is_json = false};
  switch (part->kind) {
  case PART_TEXT:
    return buffer_append(to, part->text);
  case PART_VARIABLE:
    value = source->variables[part->variable];
    break;
  case PART_EVENT:
    value.text = source->event;
    break;
  case PART_USER:
    value.text = source->user;
    break;
  case PART_TOKEN:
    value.text = source->token;
    break;
  case PART_ADDRESS:
    value.text = bytes_of_text(source->address);
    break;
  case PART_UUID:
    return buffer_append(to, make_uuid(source->random, text));
  case PART_NUMBER:
  case PART_RANDOM: {
    int64_t number = part->kind == PART_NUMBER ? (int64_t)source->number
                                               : draw(part, source->random);
    int size = snprintf(text, sizeof text, "%lld", (long long)number);
    return buffer_append(to, bytes_of(text, (size_t)size));
  }
  case PART_CHOICE:
    value.text = choose(part, source->random);
    break;
  case PART_SEATS:
    return append_seats(part, source, to);
  case PART_HOT_SEAT:
    return append_hot_seat(source, to);
  }
  return append_value(part, use, &value, to);
}

bool template_render(const struct template *template, const struct template_source *source,
                     struct buffer *to)
{
  for (uint32_t i = 0; i < template->count; i++)
    if (!append_part(&template->parts[i], template->use, source, to)) return false;
  return true;
}
