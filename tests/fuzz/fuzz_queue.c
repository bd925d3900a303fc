/*
 * Any bytes as what comes to the queues from outside: a text is allowed when a naive decoder finds
 * only characters that are, a receipt is taken only when it is one, and a stored value that is no
 * message, record or task is refused by each reader without reading beyond it.
 */
#include "base/check.h"
#include "queue/message_check.h"
#include "queue/message_item.h"
#include "queue/receipt.h"
#include "queue/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_allowed(uint32_t c)
{
  return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c <= 0xD7FF) ||
         (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

/* One character by the table of RFC 3629, section 4; its size, or 0. */
static size_t decode(struct bytes text, uint32_t *c)
{
  uint8_t lead = text.data[0];
  size_t size = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (size == 0 || size > text.size || lead > 0xF4) return 0;
  *c = size == 1 ? lead : lead & (0x7FU >> size);
  for (size_t i = 1; i < size; i++) {
    if ((text.data[i] & 0xC0) != 0x80) return 0;
    *c = *c << 6 | (text.data[i] & 0x3F);
  }
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  return *c >= least[size] ? size : 0;
}

static bool naive_is_allowed(struct bytes text)
{
  while (text.size > 0) {
    uint32_t c;
    size_t size = decode(text, &c);
    if (size == 0 || !is_allowed(c)) return false;
    text = bytes_of(text.data + size, text.size - size);
  }
  return true;
}

static void check_receipt(struct bytes text)
{
  static const uint8_t key[RECEIPT_KEY_BYTES] = "a key";
  struct receipt receipt;
  char again[QUEUE_RECEIPT_TEXT];
  if (!receipt_parse(key, 1, text, &receipt)) return;
  receipt_format(key, 1, &receipt, again);
  CHECK(bytes_equal(text, bytes_of(again, sizeof again)));
}

static void check_item(struct bytes encoded)
{
  struct error error;
  struct value item = {encoded.data, encoded.size};
  if (!value_validate(encoded, &error) || value_type(item) != VALUE_MAP) return;
  enum message_kind kind;
  struct bytes id;
  (void)message_item_kind(item, &kind, &id);
  (void)message_state_read(item, &(struct message_state){0});
  (void)message_seen_read(item, &(struct message_seen){0});
  (void)record_name_of(item);
  (void)queue_record_read(item, &(struct queue_record){0});
  (void)task_record_read(item, &(struct task_record){0});
  (void)numbers_record_read(item, &(uint32_t){0});
  (void)secret_record_read(item, (uint8_t[RECEIPT_KEY_BYTES]){0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct bytes input = bytes_of(data, size);
  CHECK(queue_text_is_allowed(input) == naive_is_allowed(input));
  (void)queue_name_is_valid(input, true);
  (void)queue_id_text_is_allowed(input);
  check_receipt(input);
  check_item(input);
  return 0;
}
