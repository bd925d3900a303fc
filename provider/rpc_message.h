/*
 * Between protobuf's messages and the provider's own types. Internal to rpc*.c.
 */
#ifndef TACOS_PROVIDER_RPC_MESSAGE_H
#define TACOS_PROVIDER_RPC_MESSAGE_H

#include "provider/provider.h"
#include "tfplugin6.pb-c.h"

/* An allocator that takes from an arena and gives nothing back. */
ProtobufCAllocator rpc_allocator(struct arena *arena);

/* NULL when the bytes are not such a message. */
void *rpc_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                 struct bytes message);
struct bytes rpc_pack(struct arena *arena, const ProtobufCMessage *message);

/* The text of a field, "" when it is absent. */
struct bytes rpc_text(const char *text);

/* A value in the shape of its type; null when the message is absent. */
bool rpc_value(struct arena *arena, const Tfplugin6__DynamicValue *message, const struct type *type,
               struct value *value, struct error *error);
Tfplugin6__DynamicValue *rpc_dynamic(struct arena *arena, const struct value *value);

/* The array of a reply's field, as its `n_` and pointer. */
Tfplugin6__Diagnostic **rpc_diagnostics(const struct diagnostics *diagnostics, size_t *count);

/* A path of one attribute. */
Tfplugin6__AttributePath *rpc_attribute_path(struct arena *arena, struct bytes name);

/* The block of a schema; NULL with *error set when a line of the data is wrong. */
Tfplugin6__Schema *rpc_schema(struct arena *arena, const struct type *block);

#endif
