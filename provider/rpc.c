#include "provider/rpc.h"

#include "provider/apply.h"
#include "provider/data.h"
#include "provider/rpc_message.h"
#include "provider/rules.h"
#include "provider/text.h"

/* One request while it is answered. */
struct call {
  struct rpc *rpc;
  struct provider *provider;
  struct arena *arena;
  struct bytes message;
  struct grpc_reply *reply;
  struct diagnostics diagnostics;
};

/* --- steps that most methods take --- */

static void refuse(struct call *call, enum grpc_status status, const char *why)
{
  call->reply->status = status;
  call->reply->status_detail = arena_copy(call->arena, bytes_of_text(why));
}

static void *unpack(struct call *call, const ProtobufCMessageDescriptor *descriptor)
{
  void *message = rpc_unpack(call->arena, descriptor, call->message);
  if (message == NULL) refuse(call, GRPC_INVALID_ARGUMENT, "the request is not such a message");
  return message;
}

static void send(struct call *call, const ProtobufCMessage *reply)
{
  call->reply->message = rpc_pack(call->arena, reply);
}

static bool fail(struct call *call, const struct error *error)
{
  diagnostics_add(&call->diagnostics, DIAGNOSTIC_ERROR, NULL, "Rehearsal provider", "%s",
                  error->message);
  return false;
}

/* The block of a type; a diagnostic when there is none. */
static const struct type *block_of(struct call *call, enum schema_kind kind, const char *type)
{
  struct error error;
  const struct type *block = schemas_find(&call->provider->schemas, kind, rpc_text(type), &error);
  if (block == NULL) fail(call, &error);
  return block;
}

static bool read_value(struct call *call, const Tfplugin6__DynamicValue *message,
                       const struct type *type, struct value *value)
{
  struct error error;
  return rpc_value(call->arena, message, type, value, &error) || fail(call, &error);
}

#define SEND_DIAGNOSTICS(call, reply)                                                      \
  do {                                                                                     \
    (reply)->diagnostics = rpc_diagnostics(&(call)->diagnostics, &(reply)->n_diagnostics); \
    send((call), &(reply)->base);                                                          \
  } while (0)

/* --- what there is --- */

static Tfplugin6__ServerCapabilities *capabilities(struct arena *arena)
{
  Tfplugin6__ServerCapabilities *message = text_alloc(arena, 1, sizeof(*message));
  tfplugin6__server_capabilities__init(message);
  message->get_provider_schema_optional = 1;
  return message;
}

/* Lists the schemas of one kind, as entries of the map from type to schema. */
static Tfplugin6__SchemaEntry **entries_of(struct call *call, enum schema_kind kind, size_t *count)
{
  struct schemas *schemas = &call->provider->schemas;
  Tfplugin6__SchemaEntry **entries = text_alloc(call->arena, schemas->count,
                                                sizeof(Tfplugin6__SchemaEntry *));
  for (size_t i = 0; i < schemas->count; i++) {
    struct error error;
    const struct schema *schema = &schemas->all[i];
    if (schema->kind != kind) continue;
    const struct type *block = schemas_find(schemas, kind, schema->name, &error);
    if (block == NULL) {
      fail(call, &error);
      continue;
    }
    Tfplugin6__SchemaEntry *entry = text_alloc(call->arena, 1, sizeof(*entry));
    tfplugin6__schema_entry__init(entry);
    entry->key = text_zero_ended(call->arena, schema->name);
    entry->value = rpc_schema(call->arena, block);
    entries[(*count)++] = entry;
  }
  return entries;
}

static void get_provider_schema(struct call *call)
{
  Tfplugin6__GetProviderSchemaResponse reply = TFPLUGIN6__GET_PROVIDER_SCHEMA_RESPONSE__INIT;
  const struct type *block = block_of(call, SCHEMA_PROVIDER, "aws");
  if (block != NULL) reply.provider = rpc_schema(call->arena, block);
  reply.resource_schemas = entries_of(call, SCHEMA_RESOURCE, &reply.n_resource_schemas);
  reply.data_source_schemas = entries_of(call, SCHEMA_DATA, &reply.n_data_source_schemas);
  reply.ephemeral_resource_schemas = entries_of(call, SCHEMA_EPHEMERAL,
                                                &reply.n_ephemeral_resource_schemas);
  reply.server_capabilities = capabilities(call->arena);
  SEND_DIAGNOSTICS(call, &reply);
}

static Tfplugin6__TypeName **names_of(struct call *call, enum schema_kind kind, size_t *count)
{
  const struct schemas *schemas = &call->provider->schemas;
  Tfplugin6__TypeName **names = text_alloc(call->arena, schemas->count,
                                           sizeof(Tfplugin6__TypeName *));
  for (size_t i = 0; i < schemas->count; i++) {
    if (schemas->all[i].kind != kind) continue;
    Tfplugin6__TypeName *name = text_alloc(call->arena, 1, sizeof(*name));
    tfplugin6__type_name__init(name);
    name->type_name = text_zero_ended(call->arena, schemas->all[i].name);
    names[(*count)++] = name;
  }
  return names;
}

static void get_metadata(struct call *call)
{
  Tfplugin6__GetMetadataResponse reply = TFPLUGIN6__GET_METADATA_RESPONSE__INIT;
  reply.server_capabilities = capabilities(call->arena);
  reply.resources = names_of(call, SCHEMA_RESOURCE, &reply.n_resources);
  reply.data_sources = names_of(call, SCHEMA_DATA, &reply.n_data_sources);
  reply.ephemeral_resources = names_of(call, SCHEMA_EPHEMERAL, &reply.n_ephemeral_resources);
  send(call, &reply.base);
}

/* Functions, identities and whatever else has nothing in it: an empty message. */
static void get_nothing(struct call *call)
{
  call->reply->message = bytes_of(NULL, 0);
}

/* --- configuration --- */

static void validate_provider(struct call *call)
{
  Tfplugin6__ValidateProviderConfigRequest *request = unpack(
      call, &tfplugin6__validate_provider_config_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ValidateProviderConfigResponse reply =
      TFPLUGIN6__VALIDATE_PROVIDER_CONFIG_RESPONSE__INIT;
  struct value config;
  const struct type *block = block_of(call, SCHEMA_PROVIDER, "aws");
  provider_announce(call->provider, &call->diagnostics);
  if (block != NULL) read_value(call, request->config, block, &config);
  SEND_DIAGNOSTICS(call, &reply);
}

static void configure_provider(struct call *call)
{
  Tfplugin6__ConfigureRequest *request = unpack(call, &tfplugin6__configure_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ValidateResponse reply = TFPLUGIN6__VALIDATE_RESPONSE__INIT;
  struct value config;
  const struct type *block = block_of(call, SCHEMA_PROVIDER, "aws");
  if (block != NULL && read_value(call, request->config, block, &config))
    provider_configure(call->provider, &config, &call->diagnostics);
  SEND_DIAGNOSTICS(call, &reply);
}

static void validate(struct call *call, enum schema_kind kind)
{
  Tfplugin6__ValidateRequest *request = unpack(call, &tfplugin6__validate_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ValidateResponse reply = TFPLUGIN6__VALIDATE_RESPONSE__INIT;
  struct value config;
  const struct type *block = block_of(call, kind, request->type_name);
  if (block != NULL && read_value(call, request->config, block, &config) && kind == SCHEMA_RESOURCE)
    rules_check_resource(call->arena, rpc_text(request->type_name), &config, &call->diagnostics);
  SEND_DIAGNOSTICS(call, &reply);
}

static void validate_resource(struct call *call)
{
  validate(call, SCHEMA_RESOURCE);
}

static void validate_data(struct call *call)
{
  validate(call, SCHEMA_DATA);
}

static void validate_ephemeral(struct call *call)
{
  validate(call, SCHEMA_EPHEMERAL);
}

/* --- resources --- */

static void upgrade_state(struct call *call)
{
  Tfplugin6__UpgradeResourceStateRequest *request = unpack(
      call, &tfplugin6__upgrade_resource_state_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__UpgradeResourceStateResponse reply = TFPLUGIN6__UPGRADE_RESOURCE_STATE_RESPONSE__INIT;
  struct error error;
  struct value state;
  const struct type *block = block_of(call, SCHEMA_RESOURCE, request->type_name);
  struct bytes json = request->raw_state == NULL
                          ? bytes_of(NULL, 0)
                          : bytes_of(request->raw_state->json.data, request->raw_state->json.len);
  if (block != NULL) {
    if (apply_upgrade(call->arena, block, json, &state, &error)) {
      reply.upgraded_state = rpc_dynamic(call->arena, &state);
    } else {
      fail(call, &error);
    }
  }
  SEND_DIAGNOSTICS(call, &reply);
}

static void move_state(struct call *call)
{
  Tfplugin6__MoveResourceStateRequest *request = unpack(
      call, &tfplugin6__move_resource_state_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__MoveResourceStateResponse reply = TFPLUGIN6__MOVE_RESOURCE_STATE_RESPONSE__INIT;
  diagnostics_add(&call->diagnostics, DIAGNOSTIC_ERROR, NULL, "Cannot move between types",
                  "%s cannot become %s: hashicorp/aws moves no resource to another type.",
                  request->source_type_name, request->target_type_name);
  SEND_DIAGNOSTICS(call, &reply);
}

static void read_resource(struct call *call)
{
  Tfplugin6__ReadResourceRequest *request = unpack(call,
                                                   &tfplugin6__read_resource_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ReadResourceResponse reply = TFPLUGIN6__READ_RESOURCE_RESPONSE__INIT;
  struct value current;
  struct value state;
  const struct type *block = block_of(call, SCHEMA_RESOURCE, request->type_name);
  if (block != NULL && read_value(call, request->current_state, block, &current)) {
    apply_read(call->provider, call->arena, rpc_text(request->type_name), block, &current, &state,
               &call->diagnostics);
    reply.new_state = rpc_dynamic(call->arena, &state);
  }
  reply.private_ = request->private_;
  SEND_DIAGNOSTICS(call, &reply);
}

static bool read_plan_request(struct call *call,
                              const Tfplugin6__PlanResourceChangeRequest *message,
                              struct plan_request *request)
{
  request->type = rpc_text(message->type_name);
  request->block = block_of(call, SCHEMA_RESOURCE, message->type_name);
  return request->block != NULL &&
         read_value(call, message->prior_state, request->block, &request->prior) &&
         read_value(call, message->proposed_new_state, request->block, &request->proposed) &&
         read_value(call, message->config, request->block, &request->config);
}

static void plan_resource(struct call *call)
{
  Tfplugin6__PlanResourceChangeRequest *message = unpack(
      call, &tfplugin6__plan_resource_change_request__descriptor);
  if (message == NULL) return;
  Tfplugin6__PlanResourceChangeResponse reply = TFPLUGIN6__PLAN_RESOURCE_CHANGE_RESPONSE__INIT;
  struct plan_request request;
  struct plan plan;
  if (read_plan_request(call, message, &request)) {
    plan_change(call->provider, call->arena, &request, &plan, &call->diagnostics);
    reply.planned_state = rpc_dynamic(call->arena, &plan.planned);
    reply.requires_replace = text_alloc(call->arena, plan.replace_count,
                                        sizeof(Tfplugin6__AttributePath *));
    reply.n_requires_replace = plan.replace_count;
    for (size_t i = 0; i < plan.replace_count; i++)
      reply.requires_replace[i] = rpc_attribute_path(call->arena, plan.replace[i]);
  }
  reply.planned_private = message->prior_private;
  SEND_DIAGNOSTICS(call, &reply);
}

static void apply_resource(struct call *call)
{
  Tfplugin6__ApplyResourceChangeRequest *request = unpack(
      call, &tfplugin6__apply_resource_change_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ApplyResourceChangeResponse reply = TFPLUGIN6__APPLY_RESOURCE_CHANGE_RESPONSE__INIT;
  struct value prior;
  struct value planned;
  struct value state;
  const struct type *block = block_of(call, SCHEMA_RESOURCE, request->type_name);
  if (block != NULL && read_value(call, request->prior_state, block, &prior) &&
      read_value(call, request->planned_state, block, &planned)) {
    apply_change(call->provider, call->arena, rpc_text(request->type_name), block, &prior, &planned,
                 &state, &call->diagnostics);
    reply.new_state = rpc_dynamic(call->arena, &state);
  }
  reply.private_ = request->planned_private;
  SEND_DIAGNOSTICS(call, &reply);
}

static void import_resource(struct call *call)
{
  Tfplugin6__ImportResourceStateRequest *request = unpack(
      call, &tfplugin6__import_resource_state_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ImportResourceStateResponse reply = TFPLUGIN6__IMPORT_RESOURCE_STATE_RESPONSE__INIT;
  Tfplugin6__ImportedResource imported = TFPLUGIN6__IMPORTED_RESOURCE__INIT;
  Tfplugin6__ImportedResource *list[] = {&imported};
  struct value state;
  const struct type *block = block_of(call, SCHEMA_RESOURCE, request->type_name);
  if (block != NULL) {
    apply_import(call->provider, call->arena, rpc_text(request->type_name), block,
                 rpc_text(request->id), &state, &call->diagnostics);
    imported.type_name = request->type_name;
    imported.state = rpc_dynamic(call->arena, &state);
    reply.imported_resources = list;
    reply.n_imported_resources = call->diagnostics.errors == 0 ? 1 : 0;
  }
  SEND_DIAGNOSTICS(call, &reply);
}

/* --- data sources and ephemeral resources --- */

static void read_data(struct call *call)
{
  Tfplugin6__ValidateRequest *request = unpack(call, &tfplugin6__validate_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__ReadDataSourceResponse reply = TFPLUGIN6__READ_DATA_SOURCE_RESPONSE__INIT;
  struct value config;
  struct value state;
  const struct type *block = block_of(call, SCHEMA_DATA, request->type_name);
  if (block != NULL && read_value(call, request->config, block, &config)) {
    data_read(call->provider, call->arena, rpc_text(request->type_name), block, &config, &state,
              &call->diagnostics);
    reply.state = rpc_dynamic(call->arena, &state);
  }
  SEND_DIAGNOSTICS(call, &reply);
}

static void open_ephemeral(struct call *call)
{
  Tfplugin6__ValidateRequest *request = unpack(call, &tfplugin6__validate_request__descriptor);
  if (request == NULL) return;
  Tfplugin6__OpenEphemeralResourceResponse reply =
      TFPLUGIN6__OPEN_EPHEMERAL_RESOURCE_RESPONSE__INIT;
  struct value config;
  struct value state;
  const struct type *block = block_of(call, SCHEMA_EPHEMERAL, request->type_name);
  if (block != NULL && read_value(call, request->config, block, &config)) {
    data_read(call->provider, call->arena, rpc_text(request->type_name), block, &config, &state,
              &call->diagnostics);
    reply.result = rpc_dynamic(call->arena, &state);
  }
  SEND_DIAGNOSTICS(call, &reply);
}

/* --- go-plugin's own --- */

static void check_health(struct call *call)
{
  static const uint8_t SERVING[] = {0x08, 0x01}; /* grpc.health.v1: status = 1 */
  call->reply->message = bytes_of(SERVING, sizeof(SERVING));
}

static void shut_down(struct call *call)
{
  *call->rpc->stop = 1;
}

/* --- the table --- */

static const struct {
  const char *path;
  void (*answer)(struct call *call); /* NULL: a stream that stays open */
} METHODS[] = {
    {"/tfplugin6.Provider/GetMetadata", get_metadata},
    {"/tfplugin6.Provider/GetProviderSchema", get_provider_schema},
    {"/tfplugin6.Provider/GetResourceIdentitySchemas", get_nothing},
    {"/tfplugin6.Provider/GetFunctions", get_nothing},
    {"/tfplugin6.Provider/ValidateProviderConfig", validate_provider},
    {"/tfplugin6.Provider/ValidateResourceConfig", validate_resource},
    {"/tfplugin6.Provider/ValidateDataResourceConfig", validate_data},
    {"/tfplugin6.Provider/ValidateEphemeralResourceConfig", validate_ephemeral},
    {"/tfplugin6.Provider/UpgradeResourceState", upgrade_state},
    {"/tfplugin6.Provider/ConfigureProvider", configure_provider},
    {"/tfplugin6.Provider/ReadResource", read_resource},
    {"/tfplugin6.Provider/PlanResourceChange", plan_resource},
    {"/tfplugin6.Provider/ApplyResourceChange", apply_resource},
    {"/tfplugin6.Provider/ImportResourceState", import_resource},
    {"/tfplugin6.Provider/MoveResourceState", move_state},
    {"/tfplugin6.Provider/ReadDataSource", read_data},
    {"/tfplugin6.Provider/OpenEphemeralResource", open_ephemeral},
    {"/tfplugin6.Provider/RenewEphemeralResource", get_nothing},
    {"/tfplugin6.Provider/CloseEphemeralResource", get_nothing},
    {"/tfplugin6.Provider/StopProvider", get_nothing},
    {"/grpc.health.v1.Health/Check", check_health},
    {"/plugin.GRPCController/Shutdown", shut_down},
    {"/plugin.GRPCStdio/StreamStdio", NULL},
    {"/plugin.GRPCBroker/StartStream", NULL},
};

enum { METHOD_COUNT = sizeof(METHODS) / sizeof(METHODS[0]) };

static size_t find_method(struct bytes path)
{
  size_t i = 0;
  while (i < METHOD_COUNT && !bytes_equal(path, bytes_of_text(METHODS[i].path))) i++;
  return i;
}

bool rpc_is_stream(void *context, struct bytes path)
{
  (void)context;
  size_t method = find_method(path);
  return method < METHOD_COUNT && METHODS[method].answer == NULL;
}

void rpc_call(void *context, struct bytes path, struct bytes message, struct arena *arena,
              struct grpc_reply *reply)
{
  struct rpc *rpc = context;
  struct call call = {.rpc = rpc,
                      .provider = rpc->provider,
                      .arena = arena,
                      .message = message,
                      .reply = reply,
                      .diagnostics = {.arena = arena}};
  size_t method = find_method(path);
  if (method == METHOD_COUNT || METHODS[method].answer == NULL) {
    refuse(&call, GRPC_UNIMPLEMENTED, "this provider has no such method");
  } else {
    METHODS[method].answer(&call);
  }
}
