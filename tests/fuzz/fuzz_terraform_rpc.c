/*
 * Calls from Terraform. The first byte chooses a method, the rest is its message: every answer is a
 * message or a status, never a crash.
 */
#include "base/check.h"
#include "provider/rpc.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const METHODS[] = {
    "ValidateProviderConfig",
    "ConfigureProvider",
    "ValidateResourceConfig",
    "ValidateDataResourceConfig",
    "UpgradeResourceState",
    "ReadResource",
    "PlanResourceChange",
    "ApplyResourceChange",
    "ImportResourceState",
    "MoveResourceState",
    "ReadDataSource",
    "OpenEphemeralResource",
    "ValidateEphemeralResourceConfig",
};

enum { METHOD_COUNT = sizeof(METHODS) / sizeof(METHODS[0]), PATH_BYTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct provider provider;
  struct error error;
  struct arena arena;
  char path[PATH_BYTES];
  volatile sig_atomic_t stop = 0;
  if (size == 0) return 0;
  /* No state can be written there, so that one input knows nothing of another. */
  struct provider_environment environment = {.state_path = "/proc/none/state",
                                             .region = "ap-northeast-2"};
  CHECK(provider_init(&provider, &environment, &memory, &error));
  arena_init(&arena, &memory);
  struct rpc rpc = {.provider = &provider, .stop = &stop};
  struct grpc_reply reply = {0};
  snprintf(path, sizeof(path), "/tfplugin6.Provider/%s", METHODS[data[0] % METHOD_COUNT]);
  rpc_call(&rpc, bytes_of_text(path), bytes_of(data + 1, size - 1), &arena, &reply);
  CHECK((reply.status == GRPC_OK) == (reply.status_detail.size == 0));
  arena_free(&arena);
  provider_free(&provider);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
