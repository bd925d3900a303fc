/*
 * Assertions that stay on in release builds.
 *
 * CHECK states an invariant of our own code. When it does not hold, going on could hand out a wrong
 * answer or write a wrong record, so the process prints where and stops; recovery starts from the
 * log. Bad input is never CHECKed: it is refused with a struct error (error.h).
 *
 * CHECK_SLOW is for a check that costs more than the step it guards (O(n) beside O(1)); it is
 * compiled in where TACOS_CHECK_SLOW is defined, which the sanitizer builds do.
 */
#ifndef TACOS_BASE_CHECK_H
#define TACOS_BASE_CHECK_H

#include <stdint.h>

/* Prints file, line, function and the failed condition to stderr, then aborts. */
_Noreturn void check_failed(const char *file, int line, const char *function,
                            const char *condition);

/* As check_failed, with the two operands of a comparison. */
_Noreturn void check_compare_failed(const char *file, int line, const char *function,
                                    const char *condition, int64_t left, int64_t right);

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (__builtin_expect(!(condition), 0)) check_failed(__FILE__, __LINE__, __func__, #condition); \
  } while (0)

/* CHECK_THAT(a, <=, b): a comparison of integers whose values are printed when it fails. */
#define CHECK_THAT(left, operator, right)                                               \
  do {                                                                                  \
    if (__builtin_expect(!((left) operator(right)), 0))                                 \
      check_compare_failed(__FILE__, __LINE__, __func__, #left " " #operator" " #right, \
                           (int64_t)(left), (int64_t)(right));                          \
  } while (0)

#ifdef TACOS_CHECK_SLOW
#define CHECK_SLOW(condition) CHECK(condition)
#else
#define CHECK_SLOW(condition) ((void)sizeof(!(condition)))
#endif

#endif
