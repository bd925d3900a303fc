/*
 * The command line as data: what options there are, which command takes which, and one parser.
 *
 *     tacos COMMAND [OPERAND] [--name VALUE | --name=VALUE | --name]...
 *
 * An option's value comes from the command line, else from its environment variable (unless that is
 * empty), else from the configuration file (config.h), else from its row's fallback. Nothing is
 * abbreviated: a script written today means the same when more options exist. Values are borrowed
 * from the command line and the environment.
 */
#ifndef TACOS_CMD_OPTIONS_H
#define TACOS_CMD_OPTIONS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum option {
  OPTION_DATA_DIR,
  OPTION_KEY_FILE,
  OPTION_AT,
  OPTION_LISTEN,
  OPTION_OPERATIONS_LISTEN,
  OPTION_REACTORS,
  OPTION_TLS,
  OPTION_TLS_CERT,
  OPTION_TLS_KEY,
  OPTION_WEB_DIR,
  OPTION_CORS_ORIGINS,
  OPTION_TRUSTED_PROXIES,
  OPTION_CONNECTIONS,
  OPTION_CONNECTIONS_PER_ADDRESS,
  OPTION_DRAIN_SECONDS,
  OPTION_JWKS,
  OPTION_ADDRESS_RATE,
  OPTION_USER_RATE,
  OPTION_JOIN_RATE,
  OPTION_ROOM_CAPACITY,
  OPTION_MEMORY_READY,
  OPTION_PAYMENT_DELAY,
  OPTION_EVENT,
  OPTION_ROLE,
  OPTION_PAYMENT_PROVIDER,
  OPTION_PAYMENT_SECRET_FILE,
  OPTION_NOTIFICATION_URL,
  OPTION_CONFIG,
  OPTION_FILES_ONLY,
  OPTION_TARGET,
  OPTION_JWT_SECRET_FILE,
  OPTION_LOAD_EVENT,
  OPTION_USERS,
  OPTION_LOAD_CONNECTIONS,
  OPTION_RATE,
  OPTION_VIRTUAL_USERS,
  OPTION_DURATION,
  OPTION_TIMEOUT,
  OPTION_DRAIN,
  OPTION_SEED,
  OPTION_JSON,
  OPTION_HTML,
  OPTION_FAIL_IF,
  OPTION_PRINT,
  OPTION_COUNT,
};

struct option_definition {
  const char *name;        /* without the dashes */
  const char *value;       /* what stands for the value in help: "DIR"; NULL: it takes none */
  const char *environment; /* NULL: none */
  const char *fallback;    /* NULL: none */
  const char *summary;
  bool repeats; /* may be given up to OPTION_REPEATS_MAX times; at most one of a command's */
};

enum { OPTION_REPEATS_MAX = 16 };

extern const struct option_definition OPTIONS[OPTION_COUNT];

struct config;

/* What a command was given. */
struct arguments {
  const char *command;                      /* its name, for messages */
  const char *operand;                      /* NULL: none */
  const char *options[OPTION_COUNT];        /* NULL: not given, no fallback */
  const char *repeated[OPTION_REPEATS_MAX]; /* all values of the one that repeats */
  uint32_t repeated_count;
  bool help;             /* --help or -h; nothing else was checked */
  struct config *config; /* where values of a file live; NULL: there is none */
};

enum operand_need { OPERAND_NONE, OPERAND_OPTIONAL, OPERAND_NEEDED };

struct command {
  const char *name;
  const char *summary; /* one line */
  const char *operand; /* "DIR"; NULL with OPERAND_NONE */
  enum operand_need operand_need;
  uint64_t options; /* OPTION_BIT of each that it takes */
  const char *details;
  int (*run)(const struct arguments *arguments); /* the process's exit status */
};

#define OPTION_BIT(option) ((uint64_t)1 << (option))

/* Exit statuses. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Reads the words after the command's name. ERROR_INVALID naming the word that is wrong. */
bool options_parse(const struct command *command, int count, char *const *words,
                   struct arguments *arguments, struct error *error);

/* Gives back what options_parse acquired. */
void options_free(struct arguments *arguments);

/*
 * The known name most like `word` (Levenshtein distance), or NULL when none is near enough to be
 * meant.
 */
const char *options_nearest(const char *word, const char *const *known, size_t count);

/* Sets ERROR_INVALID: "unknown <what> 'word': did you mean 'nearest'?", or without the question. */
bool options_refuse(const char *what, const char *word, const char *const *known, size_t count,
                    struct error *error);

/* Prints "tacos <command>: <message>" to stderr; returns EXIT_FAILED. */
int options_fail(const struct arguments *arguments, const struct error *error);

/*
 * The same for words that are wrong, with a hint where to read on; command may be NULL. EXIT_USAGE.
 */
int options_fail_usage(const char *command, const struct error *error);

#endif
