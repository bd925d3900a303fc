/*
 * The services that Terraform calls: tfplugin6.Provider, go-plugin's controller, health.
 *
 * One table of methods (rpc.c). A method reads its request, asks plan, apply, data or rules, and
 * packs the reply; all of it in the request's arena.
 */
#ifndef TACOS_PROVIDER_RPC_H
#define TACOS_PROVIDER_RPC_H

#include "provider/grpc.h"
#include "provider/provider.h"

#include <signal.h>

struct rpc {
  struct provider *provider;
  volatile sig_atomic_t *stop; /* set when Terraform says Shutdown */
};

/* The two functions of a grpc_handler whose context is a struct rpc. */
void rpc_call(void *context, struct bytes path, struct bytes message, struct arena *arena,
              struct grpc_reply *reply);
bool rpc_is_stream(void *context, struct bytes path);

#endif
