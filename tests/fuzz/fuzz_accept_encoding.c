/*
 * Any Accept-Encoding: the answer is that of the grammar written as a regular expression for each
 * element. The same bytes as a Content-Type are read within their bounds.
 */
#include "base/check.h"
#include "net/compress.h"

#include <regex.h>
#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 512, GROUPS = 4 };

static const char *const ELEMENT =
    "^[ \t]*(([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    "([ \t]*;[ \t]*[qQ]=(0(\\.[0-9]?[0-9]?[0-9]?)?|1(\\.0?0?0?)?))?[ \t]*)?$";

/* The pattern with its qvalue as the fourth group. */
struct element {
  char coding[INPUT_BYTES_MAX + 1];
  double weight;
};

/* False when the text is not an element; an empty one has an empty coding. */
static bool read_element(const regex_t *pattern, const char *text, struct element *element)
{
  regmatch_t groups[GROUPS + 1];
  if (regexec(pattern, text, GROUPS + 1, groups, 0) != 0) return false;
  *element = (struct element){.weight = 1};
  if (groups[2].rm_so >= 0)
    memcpy(element->coding, text + groups[2].rm_so, (size_t)(groups[2].rm_eo - groups[2].rm_so));
  if (groups[4].rm_so >= 0) element->weight = strtod(text + groups[4].rm_so, NULL);
  return true;
}

static void lower_to(double *noted, double weight)
{
  if (*noted < 0 || weight < *noted) *noted = weight;
}

/* The text is cut at its commas. */
static bool expect_gzip(const regex_t *pattern, char *text)
{
  double gzip = -1, any = -1, identity = -1;
  for (char *next = text; next != NULL;) {
    struct element element;
    char *start = strsep(&next, ",");
    if (!read_element(pattern, start, &element)) return false;
    if (strcasecmp(element.coding, "gzip") == 0 || strcasecmp(element.coding, "x-gzip") == 0)
      lower_to(&gzip, element.weight);
    if (strcmp(element.coding, "*") == 0) lower_to(&any, element.weight);
    if (strcasecmp(element.coding, "identity") == 0) lower_to(&identity, element.weight);
  }
  double chosen = gzip >= 0 ? gzip : any;
  return chosen > 0 && chosen >= identity;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct bytes input = bytes_of(data, size);
  bool accepted = accepts_gzip(input);
  (void)compress_type_allowed(input);
  /* A text of the oracle ends at a zero byte, which no element may have. */
  if (size > 0 && memchr(data, 0, size) != NULL) {
    CHECK(!accepted);
    return 0;
  }
  if (size > INPUT_BYTES_MAX) return 0;
  char text[INPUT_BYTES_MAX + 1] = {0};
  if (size > 0) memcpy(text, data, size);
  regex_t pattern;
  CHECK(regcomp(&pattern, ELEMENT, REG_EXTENDED) == 0);
  CHECK_THAT(accepted, ==, expect_gzip(&pattern, text));
  regfree(&pattern);
  return 0;
}
