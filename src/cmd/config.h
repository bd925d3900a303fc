/*
 * The configuration file: one JSON object whose members are named as the command's options.
 *
 *     {"listen": "0.0.0.0:8000", "reactors": 2, "cors-origins": "https://a.example"}
 *
 * A value is a string, or a number as it would be written on the command line. A name that is no
 * option of the command is refused with the nearest one that is: a misspelt setting must not be
 * taken for its default. What the command line or the environment says goes first (options.h).
 *
 * Memory: values live in the config until config_free. The process's only thread.
 */
#ifndef TACOS_CMD_CONFIG_H
#define TACOS_CMD_CONFIG_H

#include "base/arena.h"
#include "cmd/options.h"

enum { CONFIG_BYTES = 1 << 20 }; /* of a file; more is no configuration */

struct config {
  struct memory memory;
  struct arena arena;
  const char *values[OPTION_COUNT]; /* NULL: not in the file */
};

/* Reads a file for a command. False with ERROR_INVALID naming file and member, or ERROR_IO. */
bool config_read(struct config *config, const char *path, const struct command *command,
                 struct error *error);
void config_free(struct config *config);

#endif
