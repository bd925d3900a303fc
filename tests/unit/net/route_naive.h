/*
 * What route.h promises, in the plainest words: every row is compared with the path on its own, and
 * of those that fit the best is kept. For tests and fuzzing to compare with.
 */
#ifndef TACOS_UNIT_NET_ROUTE_NAIVE_H
#define TACOS_UNIT_NET_ROUTE_NAIVE_H

#include "base/check.h"
#include "net/route.h"

/* How one pattern fits one path. */
struct route_naive_fit {
  char kinds[ROUTE_SEGMENTS_MAX + 1]; /* "a" literal, "b" parameter, "c" rest: less is better */
  struct bytes parameters[ROUTE_PARAMETERS_MAX];
  uint32_t parameter_count;
};

/* Whether all bytes may stand in a parameter, or in a rest. */
static inline bool route_naive_is_value(struct bytes value, bool is_rest)
{
  static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:";
  if (value.size < 1 || value.size > 136) return false;
  for (size_t i = 0; i < value.size; i++) {
    bool is_good = value.data[i] != 0 && strchr(good, value.data[i]) != NULL;
    if (!is_good && !(is_rest && value.data[i] == '/')) return false;
  }
  return true;
}

static inline size_t route_naive_segment_size(struct bytes text)
{
  size_t size = 0;
  while (size < text.size && text.data[size] != '/') size++;
  return size;
}

/* One segment; false when it does not fit. Whether it takes all of the path is in *is_rest. */
static inline bool route_naive_fit_segment(struct bytes pattern, struct bytes path, size_t size,
                                           uint32_t depth, struct route_naive_fit *fit,
                                           bool *is_rest)
{
  bool is_parameter = pattern.size > 0 && pattern.data[0] == '{';
  *is_rest = is_parameter && pattern.data[pattern.size - 2] == '.';
  fit->kinds[depth] = 'a';
  if (!is_parameter) return bytes_equal(pattern, bytes_of(path.data, size));
  struct bytes value = bytes_of(path.data, *is_rest ? path.size : size);
  if (!route_naive_is_value(value, *is_rest)) return false;
  fit->kinds[depth] = *is_rest ? 'c' : 'b';
  fit->parameters[fit->parameter_count++] = value;
  return true;
}

static inline bool route_naive_fits(const char *pattern_text, struct bytes path,
                                    struct route_naive_fit *fit)
{
  struct bytes pattern = bytes_of_text(pattern_text);
  *fit = (struct route_naive_fit){0};
  for (uint32_t depth = 0;; depth++) {
    if (path.size == 0 || pattern.size == 0) return path.size == pattern.size;
    if (path.data[0] != '/') return false;
    pattern = bytes_of(pattern.data + 1, pattern.size - 1);
    path = bytes_of(path.data + 1, path.size - 1);
    struct bytes segment = bytes_of(pattern.data, route_naive_segment_size(pattern));
    size_t size = route_naive_segment_size(path);
    bool is_rest;
    if (!route_naive_fit_segment(segment, path, size, depth, fit, &is_rest)) return false;
    if (is_rest) return true;
    pattern = bytes_of(pattern.data + segment.size, pattern.size - segment.size);
    path = bytes_of(path.data + size, path.size - size);
  }
}

static inline void route_naive_match(const struct route *routes, size_t count,
                                     enum http_method method, struct bytes path,
                                     struct route_match *match)
{
  struct route_naive_fit best, fit;
  bool best_is_exact = false; /* not a GET for HEAD */
  *match = (struct route_match){0};
  for (size_t i = 0; i < count; i++) {
    if (!route_naive_fits(routes[i].pattern, path, &fit)) continue;
    match->allowed |= routes[i].methods;
    bool is_exact = method != HTTP_OTHER && (routes[i].methods & HTTP_BIT(method)) != 0;
    bool by_get = method == HTTP_HEAD && (routes[i].methods & HTTP_BIT(HTTP_GET)) != 0;
    if (!is_exact && !by_get) continue;
    int order = match->route == NULL ? -1 : strcmp(fit.kinds, best.kinds);
    if (order > 0 || (order == 0 && best_is_exact)) continue;
    best = fit;
    best_is_exact = is_exact;
    match->route = &routes[i];
  }
  if (match->route == NULL) return;
  match->parameter_count = best.parameter_count;
  memcpy(match->parameters, best.parameters, sizeof best.parameters);
}

/* Whether the index finds the same as the rows do. */
static inline bool route_naive_agrees(const struct route_index *index, const struct route *routes,
                                      size_t count, enum http_method method, struct bytes path)
{
  struct route_match expected, match;
  route_naive_match(routes, count, method, path, &expected);
  memset(&match, 0xa5, sizeof match);
  route_match(index, method, path, &match);
  if (match.route != expected.route || match.allowed != expected.allowed) return false;
  if (match.parameter_count != expected.parameter_count) return false;
  for (uint32_t i = 0; i < match.parameter_count; i++) {
    if (match.parameters[i].data != expected.parameters[i].data) return false;
    if (match.parameters[i].size != expected.parameters[i].size) return false;
  }
  return true;
}

#endif
