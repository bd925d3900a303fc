/*
 * How Terraform starts a plugin and finds it (hashicorp/go-plugin, docs/internals.md there).
 *
 *   environment  TF_PLUGIN_MAGIC_COOKIE      the program is meant to be run so
 *                PLUGIN_PROTOCOL_VERSIONS    "5,6"
 *                PLUGIN_CLIENT_CERT          PEM: speak TLS with it and nobody else
 *                PLUGIN_UNIX_SOCKET_DIR      where the socket goes
 *   stdout       1|6|unix|/path/of/socket|grpc|<our certificate>
 */
#ifndef TACOS_PROVIDER_HANDSHAKE_H
#define TACOS_PROVIDER_HANDSHAKE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

enum { HANDSHAKE_PATH_BYTES = 104 }; /* sun_path less some */

/* Whether the cookie is Terraform's. */
bool handshake_is_cookie(const char *cookie);

/* Whether a list such as "5,6" has our protocol; NULL, from an old client, has not. */
bool handshake_has_protocol(const char *versions);

/* Makes a name for the socket in `directory` (NULL: TMPDIR or /tmp). */
bool handshake_socket_path(const char *directory, char path[HANDSHAKE_PATH_BYTES],
                           struct error *error);

/* The line on standard output; `certificate` may be empty. */
struct bytes handshake_line(struct arena *arena, const char *path, struct bytes certificate);

/* The value of TF_REATTACH_PROVIDERS for a provider that was started by hand. */
struct bytes handshake_reattach(struct arena *arena, const char *path, int process);

#endif
