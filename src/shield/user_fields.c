#include "shield/user_fields.h"

#include "base/check.h"
#include "base/json.h"

enum { DOMAIN_LABEL_BYTES_MAX = 63 }; /* RFC 1035 2.3.4 */

static bool is_letter(uint8_t byte)
{
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_letter_or_digit(uint8_t byte)
{
  return is_letter(byte) || (byte >= '0' && byte <= '9');
}

bool user_name_is_valid(struct bytes username)
{
  if (username.size < USER_NAME_BYTES_MIN || username.size > USER_NAME_BYTES_MAX) return false;
  for (size_t i = 0; i < username.size; i++)
    if (!is_letter_or_digit(username.data[i])) return false;
  return true;
}

struct bytes user_name_fold(struct bytes username, uint8_t to[USER_NAME_BYTES_MAX])
{
  CHECK_THAT(username.size, <=, USER_NAME_BYTES_MAX);
  for (size_t i = 0; i < username.size; i++) {
    uint8_t byte = username.data[i];
    to[i] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
  }
  return bytes_of(to, username.size);
}

/* RFC 5322 3.2.3, atext. */
static bool is_atom_byte(uint8_t byte)
{
  return is_letter_or_digit(byte) ||
         (byte != 0 && byte < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", byte) != NULL);
}

/* Atoms with dots between them. */
static bool is_dot_atom(struct bytes text)
{
  bool at_start = true; /* of an atom */
  for (size_t i = 0; i < text.size; i++) {
    bool dot = text.data[i] == '.';
    if (dot ? at_start : !is_atom_byte(text.data[i])) return false;
    at_start = dot;
  }
  return !at_start;
}

/* Two labels at least (RFC 1123 2.1): mail to a bare host does not leave the machine. */
static bool is_domain(struct bytes text)
{
  size_t labels = 1;
  size_t label_bytes = 0;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    bool last = i + 1 == text.size || text.data[i + 1] == '.';
    if (byte == '.') {
      if (label_bytes == 0) return false;
      labels++;
      label_bytes = 0;
      continue;
    }
    bool hyphen = byte == '-' && label_bytes > 0 && !last;
    if (!is_letter_or_digit(byte) && !hyphen) return false;
    if (++label_bytes > DOMAIN_LABEL_BYTES_MAX) return false;
  }
  return labels >= 2 && label_bytes > 0;
}

bool user_email_is_valid(struct bytes email)
{
  if (email.size > USER_EMAIL_BYTES_MAX) return false;
  size_t at = bytes_find(email, BYTES("@"));
  if (at > email.size || at > USER_EMAIL_LOCAL_BYTES_MAX) return false;
  struct bytes domain = bytes_of(email.data + at + 1, email.size - at - 1);
  return is_dot_atom(bytes_of(email.data, at)) && is_domain(domain);
}

bool user_display_name_is_valid(struct bytes name)
{
  if (name.size == 0 || name.data[0] == ' ' || name.data[name.size - 1] == ' ') return false;
  if (!bytes_is_utf8(name)) return false;
  size_t characters = 0;
  for (size_t i = 0; i < name.size; i++) {
    uint8_t byte = name.data[i];
    bool c1 = byte == 0xC2 && name.data[i + 1] < 0xA0; /* U+0080 to U+009F */
    if (byte < 0x20 || byte == 0x7F || c1) return false;
    if ((byte & 0xC0) != 0x80) characters++;
  }
  return characters <= USER_DISPLAY_NAME_MAX;
}

static bool password_is_valid(struct bytes password)
{
  return password.size >= PASSWORD_BYTES_MIN && password.size <= PASSWORD_BYTES_MAX;
}

bool user_fields_check(const struct user_registration *registration, struct buffer *details)
{
  const struct {
    const char *name;
    const char *must;
    bool valid;
  } fields[] = {
      {"username", "must be 3 to 20 letters (A-Z, a-z) and digits",
       user_name_is_valid(registration->username)},
      {"password", "must be 6 to 72 bytes long", password_is_valid(registration->password)},
      {"email", "must be an e-mail address such as name@example.com",
       user_email_is_valid(registration->email)},
      {"display_name", "must be 1 to 50 characters, without control characters or spaces around it",
       user_display_name_is_valid(registration->display_name)},
  };
  struct json_writer writer;
  bool valid = true;
  json_writer_init(&writer, details);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    if (fields[i].valid) continue;
    if (valid) json_write_object_begin(&writer);
    valid = false;
    json_write_key(&writer, bytes_of_text(fields[i].name));
    json_write_string(&writer, bytes_of_text(fields[i].must));
  }
  if (!valid) json_write_object_end(&writer);
  return valid;
}
