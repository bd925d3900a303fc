#include "cmd/commands.h"

#include <stdio.h>
#include <string.h>

static int command_help(const struct arguments *arguments);

#define SERVE_OPTIONS                                                                          \
  (OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_OPERATIONS_LISTEN) |                          \
   OPTION_BIT(OPTION_REACTORS) | OPTION_BIT(OPTION_TLS) | OPTION_BIT(OPTION_TLS_CERT) |        \
   OPTION_BIT(OPTION_TLS_KEY) | OPTION_BIT(OPTION_WEB_DIR) | OPTION_BIT(OPTION_CORS_ORIGINS) | \
   OPTION_BIT(OPTION_TRUSTED_PROXIES) | OPTION_BIT(OPTION_CONNECTIONS) |                       \
   OPTION_BIT(OPTION_CONNECTIONS_PER_ADDRESS) | OPTION_BIT(OPTION_DRAIN_SECONDS) |             \
   OPTION_BIT(OPTION_JWKS) | OPTION_BIT(OPTION_ADDRESS_RATE) | OPTION_BIT(OPTION_USER_RATE) |  \
   OPTION_BIT(OPTION_PAYMENT_DELAY) | OPTION_BIT(OPTION_CONFIG) |                              \
   OPTION_BIT(OPTION_PAYMENT_PROVIDER) | OPTION_BIT(OPTION_PAYMENT_SECRET_FILE) |              \
   OPTION_BIT(OPTION_NOTIFICATION_URL) | OPTION_BIT(OPTION_JOIN_RATE) |                        \
   OPTION_BIT(OPTION_ROOM_CAPACITY) | OPTION_BIT(OPTION_MEMORY_READY))

#define LOAD_OPTIONS                                                                              \
  (OPTION_BIT(OPTION_TARGET) | OPTION_BIT(OPTION_DATA_DIR) | OPTION_BIT(OPTION_JWT_SECRET_FILE) | \
   OPTION_BIT(OPTION_LOAD_EVENT) | OPTION_BIT(OPTION_USERS) |                                     \
   OPTION_BIT(OPTION_LOAD_CONNECTIONS) | OPTION_BIT(OPTION_RATE) |                                \
   OPTION_BIT(OPTION_VIRTUAL_USERS) | OPTION_BIT(OPTION_DURATION) | OPTION_BIT(OPTION_TIMEOUT) |  \
   OPTION_BIT(OPTION_DRAIN) | OPTION_BIT(OPTION_SEED) | OPTION_BIT(OPTION_JSON) |                 \
   OPTION_BIT(OPTION_HTML) | OPTION_BIT(OPTION_FAIL_IF) | OPTION_BIT(OPTION_PRINT))

static const struct command COMMANDS[] = {
    {
        .name = "serve",
        .summary = "run the platform until Ctrl-C",
        .options = OPTION_BIT(OPTION_DATA_DIR) | OPTION_BIT(OPTION_KEY_FILE) | SERVE_OPTIONS,
        .details = "Opens the store, which is made when there is none, and serves. SIGINT and "
                   "SIGTERM stop it:\nrequests under way are finished, and all that was "
                   "acknowledged is on disk. SIGHUP reads\ncertificate and public keys again. "
                   "Warnings go to stderr, one JSON object per line. Sockets\nof systemd "
                   "(LISTEN_FDS, named 'http' and 'operations') are used when there are any.",
        .run = command_serve,
    },
    {
        .name = "load",
        .summary = "put a load on a server and say how it did",
        .operand = "SCENARIO",
        .operand_need = OPERAND_OPTIONAL,
        .options = LOAD_OPTIONS,
        .details =
            "SCENARIO is a file as docs/load.md describes it, or one of those that are part "
            "of the program:\n'tacos load' lists them. What begins when is fixed before the "
            "run, so a server that stalls is\ncharged for all who waited. Exit status 1 when "
            "a condition of --fail-if holds, or the server's\naccounts do not fit what buyers "
            "were told.",
        .run = command_load,
    },
    {
        .name = "routes",
        .summary = "print the table of routes as JSON",
        .details = "What docs/openapi.yaml describes: endpoint, method, path, who may call, and "
                   "the most bytes\nof a body.",
        .run = command_routes,
    },
    {
        .name = "event import",
        .summary = "make an event of FILE, its seats as JSON or CSV",
        .operand = "FILE",
        .operand_need = OPERAND_NEEDED,
        .options = OPTION_BIT(OPTION_DATA_DIR) | OPTION_BIT(OPTION_KEY_FILE) |
                   OPTION_BIT(OPTION_EVENT),
        .details = "A name that ends with .csv is a table section,row,number,price; what the event "
                   "is comes\nfrom --event then. The first bad row refuses all of it. While a "
                   "server has the data\ndirectory, use POST /api/v1/admin/events instead.",
        .run = command_event_import,
    },
    {
        .name = "event list",
        .summary = "print the events of the store",
        .options = OPTION_BIT(OPTION_DATA_DIR) | OPTION_BIT(OPTION_KEY_FILE),
        .details = "One line for each: id, status, free and all seats, start, name.",
        .run = command_event_list,
    },
    {
        .name = "user add",
        .summary = "make the account NAME, for the first administrator",
        .operand = "NAME",
        .operand_need = OPERAND_NEEDED,
        .options = OPTION_BIT(OPTION_DATA_DIR) | OPTION_BIT(OPTION_KEY_FILE) |
                   OPTION_BIT(OPTION_ROLE),
        .details = "The password is the first line of stdin, or TACOS_PASSWORD. Works while no "
                   "server has the\ndata directory.",
        .run = command_user_add,
    },
    {
        .name = "backup",
        .summary = "copy the store to DIR, also while it is in use",
        .operand = "DIR",
        .operand_need = OPERAND_NEEDED,
        .options = OPTION_BIT(OPTION_DATA_DIR) | OPTION_BIT(OPTION_KEY_FILE),
        .details = "Everything acknowledged before it began is in the copy. Run again on the same "
                   "DIR it adds\nwhat is new. The copy is sealed with the key, if there is one.",
        .run = command_backup,
    },
    {
        .name = "restore",
        .summary = "make a new store from the backup in DIR",
        .operand = "DIR",
        .operand_need = OPERAND_NEEDED,
        .options = OPTION_BIT(OPTION_AT) | OPTION_BIT(OPTION_DATA_DIR) |
                   OPTION_BIT(OPTION_KEY_FILE),
        .details = "The new store is made in the data directory, which must be empty or absent. "
                   "Without --at\nit gets everything that DIR holds.",
        .run = command_restore,
    },
    {
        .name = "check",
        .summary = "verify every byte of the store or backup in DIR, and all accounts in it",
        .operand = "DIR",
        .operand_need = OPERAND_NEEDED,
        .options = OPTION_BIT(OPTION_KEY_FILE) | OPTION_BIT(OPTION_FILES_ONLY),
        .details = "First the files; then the tables as of the newest record are rebuilt in "
                   "memory, and tickets,\nreservations, orders, payments and events are held "
                   "against each other. Changes nothing, also\nwhile the store is in use. Exit "
                   "status 1 when something is wrong.",
        .run = command_check,
    },
    {
        .name = "keygen",
        .summary = "make a new key in FILE",
        .operand = "FILE",
        .operand_need = OPERAND_NEEDED,
        .details = "256 random bits as 64 hex digits, mode 0600. Never overwrites a file. Keep a "
                   "copy elsewhere:\nwithout the key nobody can read the store.",
        .run = command_keygen,
    },
    {
        .name = "version",
        .summary = "print the version",
        .run = command_version,
    },
    {
        .name = "help",
        .summary = "print this, or all about one command",
        .operand = "COMMAND",
        .operand_need = OPERAND_OPTIONAL,
        .run = command_help,
    },
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

static const struct command *find_command(const char *name)
{
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(COMMANDS[i].name, name) == 0) return &COMMANDS[i];
  return NULL;
}

/* "event" alone: which commands begin with it, in `list`; false when none does. */
static bool list_of_two_words(const char *word, char *list, size_t capacity)
{
  size_t length = strlen(word), used = 0;
  list[0] = 0;
  for (size_t i = 0; i < COMMAND_COUNT && length > 0; i++) {
    const char *name = COMMANDS[i].name;
    if (strncmp(name, word, length) != 0 || name[length] != ' ') continue;
    int size = snprintf(list + used, capacity - used, "%s%s", used == 0 ? "" : ", ", name);
    if (size < 0 || (size_t)size >= capacity - used) break;
    used += (size_t)size;
  }
  return used > 0;
}

static bool refuse_command(const char *word, struct error *error)
{
  char list[128];
  if (list_of_two_words(word, list, sizeof list))
    return error_set(error, ERROR_INVALID, "'%s' is the first word of: %s", word, list);
  const char *names[COMMAND_COUNT];
  static const char *const flags[] = {"--help", "--version"};
  if (word[0] == '-')
    return options_refuse("option", word, flags, sizeof flags / sizeof flags[0], error);
  for (size_t i = 0; i < COMMAND_COUNT; i++) names[i] = COMMANDS[i].name;
  return options_refuse("command", word, names, COMMAND_COUNT, error);
}

static void print_overview(FILE *to)
{
  fprintf(to, "tacos: a ticketing platform in one process\n\nusage: tacos COMMAND [OPTION]...\n\n");
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    fprintf(to, "  %-14s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
  fprintf(to, "\n'tacos help COMMAND' tells more.\n");
}

static void print_option(const struct option_definition *option)
{
  char usage[64];
  const char *value = option->value == NULL ? "" : option->value;
  snprintf(usage, sizeof usage, "--%s%s%s", option->name, value[0] == 0 ? "" : " ", value);
  printf("  %-16s  %s\n", usage, option->summary);
  const char *joint = "";
  if (option->environment == NULL && option->fallback == NULL) return;
  printf("  %-16s  (", "");
  if (option->environment != NULL) {
    printf("environment: %s", option->environment);
    joint = "; ";
  }
  if (option->fallback != NULL) printf("%sdefault: %s", joint, option->fallback);
  printf(")\n");
}

static void print_command(const struct command *command)
{
  printf("tacos %s: %s\n\nusage: tacos %s", command->name, command->summary, command->name);
  if (command->operand_need == OPERAND_NEEDED) printf(" %s", command->operand);
  if (command->operand_need == OPERAND_OPTIONAL) printf(" [%s]", command->operand);
  printf(command->options == 0 ? "\n" : " [OPTION]...\n");
  if (command->details != NULL) printf("\n%s\n", command->details);
  if (command->options != 0) printf("\n");
  for (enum option i = 0; i < OPTION_COUNT; i++)
    if ((command->options & OPTION_BIT(i)) != 0) print_option(&OPTIONS[i]);
}

static int command_help(const struct arguments *arguments)
{
  struct error error;
  if (arguments->operand == NULL) {
    print_overview(stdout);
    return EXIT_DONE;
  }
  const struct command *command = find_command(arguments->operand);
  if (command == NULL) {
    refuse_command(arguments->operand, &error);
    return options_fail_usage(NULL, &error);
  }
  print_command(command);
  return EXIT_DONE;
}

/* A command of two words, "event import"; NULL when the words are none. */
static const struct command *find_pair(const char *first, const char *second)
{
  char name[32];
  int size = snprintf(name, sizeof name, "%s %s", first, second);
  return size > 0 && (size_t)size < sizeof name ? find_command(name) : NULL;
}

static int run_command(const struct command *command, int count, char *const *words)
{
  struct error error;
  struct arguments arguments;
  if (!options_parse(command, count, words, &arguments, &error)) {
    options_free(&arguments);
    return options_fail_usage(command->name, &error);
  }
  if (arguments.help) {
    print_command(command);
    return EXIT_DONE;
  }
  int status = command->run(&arguments);
  options_free(&arguments);
  return status;
}

static int run(int count, char *const *words)
{
  struct error error;
  if (count == 0) {
    print_overview(stderr);
    return EXIT_USAGE;
  }
  const char *name = words[0];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0) name = "version";
  if (count > 1) {
    const struct command *pair = find_pair(name, words[1]);
    if (pair != NULL) return run_command(pair, count - 2, words + 2);
  }
  if (count == 3 && strcmp(name, "help") == 0) {
    const struct command *pair = find_pair(words[1], words[2]);
    if (pair != NULL) {
      print_command(pair);
      return EXIT_DONE;
    }
  }
  const struct command *command = find_command(name);
  if (command == NULL) {
    refuse_command(name, &error);
    return options_fail_usage(NULL, &error);
  }
  return run_command(command, count - 1, words + 1);
}

int main(int argc, char **argv)
{
  int status = run(argc - 1, argv + 1);
  /* A result that did not reach its file or pipe is none. */
  if (fflush(stdout) == 0) return status;
  fprintf(stderr, "tacos: cannot write to stdout: %m\n");
  return EXIT_FAILED;
}
