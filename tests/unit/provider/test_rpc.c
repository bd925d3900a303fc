#include "provider/rpc.h"

#include "provider/rpc_message.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct grpc_reply call(struct fixture *fixture, const char *path, struct bytes message,
                              volatile sig_atomic_t *stop)
{
  struct rpc rpc = {.provider = &fixture->provider, .stop = stop};
  struct grpc_reply reply = {0};
  rpc_call(&rpc, bytes_of_text(path), message, &fixture->arena, &reply);
  return reply;
}

static void test_schemas(void **state)
{
  (void)state;
  struct fixture fixture;
  volatile sig_atomic_t stop = 0;
  fixture_open(&fixture);
  struct grpc_reply reply = call(&fixture, "/tfplugin6.Provider/GetProviderSchema", BYTES(""),
                                 &stop);
  assert_int_equal(reply.status, GRPC_OK);
  Tfplugin6__GetProviderSchemaResponse *schemas = rpc_unpack(
      &fixture.arena, &tfplugin6__get_provider_schema_response__descriptor, reply.message);
  assert_non_null(schemas);
  assert_in_range(schemas->n_resource_schemas, 150, 1000);
  assert_in_range(schemas->n_data_source_schemas, 50, 1000);
  assert_int_equal(schemas->n_ephemeral_resource_schemas, 5);
  assert_int_equal(schemas->n_diagnostics, 0);
  reply = call(&fixture, "/tfplugin6.Provider/GetMetadata", BYTES(""), &stop);
  Tfplugin6__GetMetadataResponse *metadata = rpc_unpack(
      &fixture.arena, &tfplugin6__get_metadata_response__descriptor, reply.message);
  assert_int_equal(metadata->n_resources, schemas->n_resource_schemas);
  fixture_close(&fixture);
}

static void test_validate_finds(void **state)
{
  (void)state;
  struct fixture fixture;
  volatile sig_atomic_t stop = 0;
  fixture_open(&fixture);
  struct value config = fixture_config(&fixture, SCHEMA_RESOURCE, "aws_sqs_queue",
                                       "{'name': 'q', 'delay_seconds': 901}");
  Tfplugin6__ValidateRequest request = TFPLUGIN6__VALIDATE_REQUEST__INIT;
  request.type_name = "aws_sqs_queue";
  request.config = rpc_dynamic(&fixture.arena, &config);
  struct grpc_reply reply = call(&fixture, "/tfplugin6.Provider/ValidateResourceConfig",
                                 rpc_pack(&fixture.arena, &request.base), &stop);
  Tfplugin6__ValidateResponse *found = rpc_unpack(
      &fixture.arena, &tfplugin6__validate_response__descriptor, reply.message);
  assert_int_equal(found->n_diagnostics, 1);
  assert_string_equal(found->diagnostics[0]->attribute->steps[0]->attribute_name, "delay_seconds");
  request.type_name = "aws_nothing";
  reply = call(&fixture, "/tfplugin6.Provider/ValidateResourceConfig",
               rpc_pack(&fixture.arena, &request.base), &stop);
  found = rpc_unpack(&fixture.arena, &tfplugin6__validate_response__descriptor, reply.message);
  assert_int_equal(found->n_diagnostics, 1);
  fixture_close(&fixture);
}

static void test_plan_and_apply(void **state)
{
  (void)state;
  struct fixture fixture;
  volatile sig_atomic_t stop = 0;
  fixture_open(&fixture);
  struct value config = fixture_config(&fixture, SCHEMA_RESOURCE, "aws_eip", "{}");
  Tfplugin6__PlanResourceChangeRequest plan = TFPLUGIN6__PLAN_RESOURCE_CHANGE_REQUEST__INIT;
  plan.type_name = "aws_eip";
  plan.config = rpc_dynamic(&fixture.arena, &config);
  plan.proposed_new_state = plan.config;
  struct grpc_reply reply = call(&fixture, "/tfplugin6.Provider/PlanResourceChange",
                                 rpc_pack(&fixture.arena, &plan.base), &stop);
  Tfplugin6__PlanResourceChangeResponse *planned = rpc_unpack(
      &fixture.arena, &tfplugin6__plan_resource_change_response__descriptor, reply.message);
  assert_int_equal(planned->n_diagnostics, 0);
  Tfplugin6__ApplyResourceChangeRequest apply = TFPLUGIN6__APPLY_RESOURCE_CHANGE_REQUEST__INIT;
  apply.type_name = "aws_eip";
  apply.config = plan.config;
  apply.planned_state = planned->planned_state;
  reply = call(&fixture, "/tfplugin6.Provider/ApplyResourceChange",
               rpc_pack(&fixture.arena, &apply.base), &stop);
  Tfplugin6__ApplyResourceChangeResponse *applied = rpc_unpack(
      &fixture.arena, &tfplugin6__apply_resource_change_response__descriptor, reply.message);
  assert_int_equal(applied->n_diagnostics, 0);
  assert_true(applied->new_state->msgpack.len > 100);
  fixture_close(&fixture);
}

static void test_go_plugin(void **state)
{
  (void)state;
  struct fixture fixture;
  volatile sig_atomic_t stop = 0;
  fixture_open(&fixture);
  struct grpc_reply reply = call(&fixture, "/grpc.health.v1.Health/Check", BYTES(""), &stop);
  assert_true(bytes_equal(reply.message, BYTES("\x08\x01")));
  reply = call(&fixture, "/none/None", BYTES(""), &stop);
  assert_int_equal(reply.status, GRPC_UNIMPLEMENTED);
  reply = call(&fixture, "/tfplugin6.Provider/ReadResource", BYTES("\xff"), &stop);
  assert_int_equal(reply.status, GRPC_INVALID_ARGUMENT);
  assert_int_equal(stop, 0);
  call(&fixture, "/plugin.GRPCController/Shutdown", BYTES(""), &stop);
  assert_int_equal(stop, 1);
  assert_true(rpc_is_stream(NULL, BYTES("/plugin.GRPCStdio/StreamStdio")));
  assert_false(rpc_is_stream(NULL, BYTES("/plugin.GRPCController/Shutdown")));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_schemas),
      cmocka_unit_test(test_validate_finds),
      cmocka_unit_test(test_plan_and_apply),
      cmocka_unit_test(test_go_plugin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
