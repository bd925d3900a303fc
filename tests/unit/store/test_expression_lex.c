#include "store/expression_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct expected_token {
  enum token_type type;
  const char *text;
};

static void check_tokens(const char *text, const struct expected_token *expected)
{
  struct bytes input = bytes_of_text(text);
  size_t offset = 0;
  for (;; expected++) {
    struct token token = expression_lex(input, offset);
    assert_int_equal(token.type, expected->type);
    assert_int_equal(token.text.size, strlen(expected->text));
    assert_memory_equal(token.text.data, expected->text, token.text.size);
    if (token.type == TOKEN_END) return;
    offset = (size_t)(token.text.data - input.data) + token.text.size;
  }
}

static void test_tokens(void **state)
{
  (void)state;
  check_tokens(" a.b[12]<=:v_1\r\n", (struct expected_token[]){{TOKEN_WORD, "a"},
                                                               {TOKEN_SYMBOL, "."},
                                                               {TOKEN_WORD, "b"},
                                                               {TOKEN_SYMBOL, "["},
                                                               {TOKEN_DIGITS, "12"},
                                                               {TOKEN_SYMBOL, "]"},
                                                               {TOKEN_COMPARE, "<="},
                                                               {TOKEN_VALUE, ":v_1"},
                                                               {TOKEN_END, ""}});
  check_tokens("#1x#:a:+-(),", (struct expected_token[]){{TOKEN_NAME, "#1x"},
                                                         {TOKEN_STRAY, "#"},
                                                         {TOKEN_VALUE, ":a"},
                                                         {TOKEN_STRAY, ":"},
                                                         {TOKEN_SYMBOL, "+"},
                                                         {TOKEN_SYMBOL, "-"},
                                                         {TOKEN_SYMBOL, "("},
                                                         {TOKEN_SYMBOL, ")"},
                                                         {TOKEN_SYMBOL, ","},
                                                         {TOKEN_END, ""}});
  check_tokens("_a 1a \u00fcx", (struct expected_token[]){{TOKEN_STRAY, "_"},
                                                          {TOKEN_WORD, "a"},
                                                          {TOKEN_DIGITS, "1"},
                                                          {TOKEN_WORD, "a"},
                                                          {TOKEN_STRAY, "\u00fc"},
                                                          {TOKEN_WORD, "x"},
                                                          {TOKEN_END, ""}});
  check_tokens("", (struct expected_token[]){{TOKEN_END, ""}});
  check_tokens(" \t\r\n", (struct expected_token[]){{TOKEN_END, ""}});
}

static void test_comparators(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    enum operation operation;
    size_t size;
  } cases[] = {{"=a", OPERATION_EQUAL, 1},  {"<>", OPERATION_NOT_EQUAL, 2},
               {"< >", OPERATION_LESS, 1},  {"<=", OPERATION_LESS_EQUAL, 2},
               {">", OPERATION_GREATER, 1}, {">==", OPERATION_GREATER_EQUAL, 2},
               {"==", OPERATION_EQUAL, 1},  {"<<", OPERATION_LESS, 1}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct token token = expression_lex(bytes_of_text(cases[i].text), 0);
    assert_int_equal(token.type, TOKEN_COMPARE);
    assert_int_equal(token.operation, cases[i].operation);
    assert_int_equal(token.text.size, cases[i].size);
  }
}

static void test_keywords(void **state)
{
  (void)state;
  struct token token = expression_lex(BYTES("bEtWeEn"), 0);
  assert_true(token_is_keyword(&token, "BETWEEN"));
  assert_false(token_is_keyword(&token, "BETWEE"));
  token = expression_lex(BYTES("#IN"), 0);
  assert_false(token_is_keyword(&token, "IN"));
  token = expression_lex(BYTES("I_"), 0);
  assert_false(token_is_keyword(&token, "IN"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tokens),
      cmocka_unit_test(test_comparators),
      cmocka_unit_test(test_keywords),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
