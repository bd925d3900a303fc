/*
 * Tokens of expressions. White space separates; names start with a letter, and what follows '#' or
 * ':' may be letters, digits and underscores in any order.
 */
#include "store/expression_tree.h"

static bool is_letter(uint8_t byte)
{
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(uint8_t byte)
{
  return byte >= '0' && byte <= '9';
}

static bool is_name_part(uint8_t byte)
{
  return is_letter(byte) || is_digit(byte) || byte == '_';
}

static size_t skip_name(struct bytes text, size_t at)
{
  while (at < text.size && is_name_part(text.data[at])) at++;
  return at;
}

static bool lex_compare(struct bytes rest, struct token *token)
{
  static const struct {
    const char *text;
    enum operation operation;
  } comparators[] = {
      {"<>", OPERATION_NOT_EQUAL}, {"<=", OPERATION_LESS_EQUAL}, {">=", OPERATION_GREATER_EQUAL},
      {"=", OPERATION_EQUAL},      {"<", OPERATION_LESS},        {">", OPERATION_GREATER},
  };
  for (size_t i = 0; i < sizeof(comparators) / sizeof(comparators[0]); i++) {
    struct bytes text = bytes_of_text(comparators[i].text);
    if (!bytes_starts_with(rest, text)) continue;
    *token = (struct token){TOKEN_COMPARE, comparators[i].operation, {rest.data, text.size}};
    return true;
  }
  return false;
}

/* The bytes of the UTF-8 character at the start, so that messages stay well-formed. */
static size_t character_size(struct bytes rest)
{
  size_t size = 1;
  while (size < rest.size && (rest.data[size] & 0xc0) == 0x80) size++;
  return size;
}

struct token expression_lex(struct bytes text, size_t offset)
{
  CHECK_THAT(offset, <=, text.size);
  while (offset < text.size && memchr(" \t\r\n", text.data[offset], 4) != NULL) offset++;
  struct bytes rest = {text.data + offset, text.size - offset};
  struct token token = {TOKEN_END, OPERATION_COUNT, {rest.data, 0}};
  if (rest.size == 0) return token;

  uint8_t first = rest.data[0];
  if (is_letter(first)) {
    token.type = TOKEN_WORD;
    token.text.size = skip_name(rest, 1);
  } else if ((first == '#' || first == ':') && rest.size > 1 && is_name_part(rest.data[1])) {
    token.type = first == '#' ? TOKEN_NAME : TOKEN_VALUE;
    token.text.size = skip_name(rest, 1);
  } else if (is_digit(first)) {
    token.type = TOKEN_DIGITS;
    while (token.text.size < rest.size && is_digit(rest.data[token.text.size])) token.text.size++;
  } else if (!lex_compare(rest, &token)) {
    bool symbol = memchr("()[],.+-", first, 8) != NULL;
    token.type = symbol ? TOKEN_SYMBOL : TOKEN_STRAY;
    token.text.size = symbol ? 1 : character_size(rest);
  }
  CHECK_THAT(token.text.size, >, 0);
  return token;
}

/* Clearing bit 5 makes letters upper case; no other character of a word becomes a letter by it. */
bool token_is_keyword(const struct token *token, const char *keyword)
{
  if (token->type != TOKEN_WORD || token->text.size != strlen(keyword)) return false;
  for (size_t i = 0; i < token->text.size; i++) {
    if ((token->text.data[i] & 0xdf) != (uint8_t)keyword[i]) return false;
  }
  return true;
}
