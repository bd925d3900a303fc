/*
 * terraform-provider-aws: started by Terraform (handshake.h), or by hand with --debug, which prints
 * the TF_REATTACH_PROVIDERS that makes Terraform use this process.
 */
#include "provider/handshake.h"
#include "provider/provider.h"
#include "provider/rpc.h"
#include "provider/server.h"
#include "provider/tls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The one global of the program: a signal handler has no argument of its own. */
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
  (void)number;
  stop = 1;
}

/* Terraform gets the terminal's interrupt too, and says Shutdown when it is done. */
static void set_signals(bool is_debug)
{
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  if (!is_debug) action.sa_handler = SIG_IGN;
  sigaction(SIGINT, &action, NULL);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, NULL);
}

static const char *first_set(const char *first, const char *second)
{
  const char *value = secure_getenv(first);
  return value != NULL && value[0] != '\0' ? value : secure_getenv(second);
}

static bool announce(struct server *server, struct arena *arena, const char *path, bool is_debug,
                     struct error *error)
{
  struct bytes certificate = bytes_of(NULL, 0);
  const char *client = secure_getenv("PLUGIN_CLIENT_CERT");
  if (!is_debug && client != NULL && client[0] != '\0') {
    server->tls = tls_server_context(bytes_of_text(client), arena, &certificate, error);
    if (server->tls == NULL) return false;
  }
  struct bytes line = is_debug ? handshake_reattach(arena, path, getpid())
                               : handshake_line(arena, path, certificate);
  printf(is_debug ? "TF_REATTACH_PROVIDERS='%.*s'\n" : "%.*s", BYTES_FORMAT(line));
  fflush(stdout);
  return true;
}

static bool serve(struct provider *provider, struct memory *memory, bool is_debug,
                  struct error *error)
{
  char path[HANDSHAKE_PATH_BYTES];
  if (!handshake_socket_path(secure_getenv("PLUGIN_UNIX_SOCKET_DIR"), path, error)) return false;
  struct rpc rpc = {.provider = provider, .stop = &stop};
  struct grpc_handler handler = {.context = &rpc, .call = rpc_call, .is_stream = rpc_is_stream};
  struct server server = {.handler = &handler,
                          .memory = memory,
                          .stop = &stop,
                          .until_idle = !is_debug,
                          .listener = server_listen(path, error)};
  bool good = server.listener >= 0 && announce(&server, &provider->arena, path, is_debug, error);
  if (good) server_run(&server);
  SSL_CTX_free(server.tls);
  if (server.listener >= 0) close(server.listener);
  unlink(path);
  *strrchr(path, '/') = '\0';
  rmdir(path);
  return good;
}

static int explain(void)
{
  fputs("This is a Terraform provider: the rehearsal of hashicorp/aws, which creates nothing.\n"
        "Terraform starts it; see infra/README.md. By hand:\n"
        "  terraform-provider-aws --debug    prints TF_REATTACH_PROVIDERS and serves until ^C\n",
        stderr);
  return 1;
}

int main(int argument_count, char **arguments)
{
  bool is_debug = argument_count == 2 && strcmp(arguments[1], "--debug") == 0;
  if (!is_debug &&
      (argument_count != 1 || !handshake_is_cookie(secure_getenv("TF_PLUGIN_MAGIC_COOKIE"))))
    return explain();
  if (!is_debug && !handshake_has_protocol(secure_getenv("PLUGIN_PROTOCOL_VERSIONS"))) {
    fputs("terraform-provider-aws: this Terraform does not speak plugin protocol 6\n", stderr);
    return 1;
  }
  set_signals(is_debug);
  struct provider_environment environment = {
      .state_path = secure_getenv("TACOS_REHEARSAL_STATE"),
      .account = secure_getenv("TACOS_REHEARSAL_ACCOUNT"),
      .region = first_set("AWS_REGION", "AWS_DEFAULT_REGION"),
  };
  struct memory memory = {0};
  struct provider provider;
  struct error error = {0};
  bool good = provider_init(&provider, &environment, &memory, &error) &&
              serve(&provider, &memory, is_debug, &error);
  if (!good) fprintf(stderr, "terraform-provider-aws: %s\n", error.message);
  provider_free(&provider);
  return good ? 0 : 1;
}
