#include "provider/rules.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Keys of tables and their definitions. */
static const struct {
  const char *type;
  const char *arguments;
  const char *error; /* "summary|path"; "": accepted */
} CASES[] = {
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}]}",
     ""},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}], 'range_key': 'sk'}",
     "Key without a definition|range_key"},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}], 'range_key': '?'}",
     ""},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}, {'name': 'sk', 'type': 'N'}]}",
     "Definition without a key|attribute[1].name"},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}], 'global_secondary_index': [{'name': 'i', 'hash_key': "
     "'a', 'projection_type': 'ALL'}]}",
     "Key without a definition|global_secondary_index[0].hash_key"},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}], 'global_secondary_index': [{'name': 'i', 'hash_key': "
     "'pk', 'projection_type': 'ALL'}, {'name': 'i', 'hash_key': 'pk', 'projection_type': "
     "'ALL'}]}",
     "Index twice|global_secondary_index"},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}], 'read_capacity': 5}",
     "Capacity of an on-demand table|read_capacity"},
    {"aws_dynamodb_table",
     "{'name': 't', 'hash_key': 'pk', 'attribute': [{'name': 'pk', 'type': 'S'}]}",
     "No capacity|read_capacity"},
    {"aws_dynamodb_table",
     "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'pk', 'attribute': "
     "[{'name': 'pk', 'type': 'S'}], 'stream_enabled': true}",
     "Stream without a view|stream_view_type"},
};

static void test_each_rule(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct value config = fixture_config(&fixture, SCHEMA_RESOURCE, CASES[i].type,
                                         CASES[i].arguments);
    fixture_clear(&fixture);
    rules_check_resource(&fixture.arena, bytes_of_text(CASES[i].type), &config,
                         &fixture.diagnostics);
    if (strcmp(fixture_error(&fixture), CASES[i].error) != 0)
      fail_msg("%s %s: \"%s\"", CASES[i].type, CASES[i].arguments, fixture_error(&fixture));
  }
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
