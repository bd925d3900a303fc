/*
 * Which arguments cannot be changed in place, and what AWS renews with every change: from the
 * documentation of each type ("Forces new resource").
 */
#include "provider/plan.h"
#include "provider/text.h"

struct row {
  const char *type;
  const char *attributes;
};

static const struct row FORCES_NEW[] = {
    {"aws_vpc", "cidr_block ipv4_ipam_pool_id ipv4_netmask_length"},
};

static const struct row VOLATILE[] = {
    {"aws_launch_template", "latest_version"},
};

static bool has(const struct row *rows, size_t count, struct bytes type, struct bytes attribute)
{
  for (size_t i = 0; i < count; i++) {
    if (bytes_equal(bytes_of_text(rows[i].type), type))
      return text_is_word_of(attribute, rows[i].attributes);
  }
  return false;
}

bool plan_forces_new(struct bytes type, struct bytes attribute)
{
  /* A resource cannot move to another region, whatever it is. */
  if (bytes_equal(attribute, BYTES("region"))) return true;
  return has(FORCES_NEW, sizeof(FORCES_NEW) / sizeof(FORCES_NEW[0]), type, attribute);
}

bool plan_is_volatile(struct bytes type, struct bytes attribute)
{
  return has(VOLATILE, sizeof(VOLATILE) / sizeof(VOLATILE[0]), type, attribute);
}
