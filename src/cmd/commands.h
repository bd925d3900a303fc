/*
 * The subcommands: one file each, one row each in the table of main.c.
 *
 * Each runs on the process's only thread, prints its result to stdout and what went wrong to
 * stderr as "tacos <command>: message", and returns the exit status: 0, or 1 when it failed.
 */
#ifndef TACOS_CMD_COMMANDS_H
#define TACOS_CMD_COMMANDS_H

#include "cmd/options.h"

int command_serve(const struct arguments *arguments);
int command_load(const struct arguments *arguments);
int command_event_import(const struct arguments *arguments);
int command_event_list(const struct arguments *arguments);
int command_user_add(const struct arguments *arguments);
int command_backup(const struct arguments *arguments);
int command_restore(const struct arguments *arguments);
int command_check(const struct arguments *arguments);
int command_routes(const struct arguments *arguments);
int command_keygen(const struct arguments *arguments);
int command_version(const struct arguments *arguments);

/* The version of this build, as git describes it. */
const char *command_version_text(void);

#endif
