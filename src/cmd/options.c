#include "cmd/options.h"

#include "base/check.h"
#include "cmd/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option_definition OPTIONS[OPTION_COUNT] = {
    [OPTION_DATA_DIR] = {"data-dir", "DIR", "TACOS_DATA_DIR", "./tacos-data",
                         "directory of the store"},
    [OPTION_KEY_FILE] = {"key-file", "FILE", "TACOS_KEY_FILE", NULL,
                         "key for encryption at rest, as 'tacos keygen' makes it"},
    [OPTION_AT] = {"at", "TIME", NULL, NULL,
                   "end of the last millisecond to restore, like 2026-11-23T20:00:00.000Z"},
    [OPTION_LISTEN] = {"listen", "ADDRESS:PORT", "TACOS_LISTEN", "127.0.0.1:8000",
                       "where clients connect; port 0 takes any free one"},
    [OPTION_OPERATIONS_LISTEN] = {"operations-listen", "ADDRESS:PORT", "TACOS_OPERATIONS_LISTEN",
                                  "127.0.0.1:8001",
                                  "where metrics and probes are; keep it off the internet"},
    [OPTION_REACTORS] = {"reactors", "NUMBER", "TACOS_REACTORS", "0",
                         "threads for sockets; 0: the engine's does it, best up to 4 cores"},
    [OPTION_TLS] = {"tls", "self", "TACOS_TLS", NULL,
                    "TLS with a certificate that is made in the data directory, for trying out"},
    [OPTION_TLS_CERT] = {"tls-cert", "FILE", "TACOS_TLS_CERT", NULL,
                         "TLS with this certificate and its chain, PEM; SIGHUP reads it again"},
    [OPTION_TLS_KEY] = {"tls-key", "FILE", "TACOS_TLS_KEY", NULL,
                        "its private key, PEM, mode 0600"},
    [OPTION_WEB_DIR] = {"web-dir", "DIR", "TACOS_WEB_DIR", NULL,
                        "pages to serve; read once, at the start"},
    [OPTION_CORS_ORIGINS] = {"cors-origins", "LIST", "TACOS_CORS_ORIGINS", "http://localhost:3000",
                             "origins whose pages may call, separated by commas"},
    [OPTION_TRUSTED_PROXIES] = {"trusted-proxies", "LIST", "TACOS_TRUSTED_PROXIES", NULL,
                                "addresses and CIDR blocks whose X-Forwarded-For is believed"},
    [OPTION_CONNECTIONS] = {"connections", "NUMBER", "TACOS_CONNECTIONS", NULL,
                            "at the same time; without it what the descriptor limit allows"},
    [OPTION_CONNECTIONS_PER_ADDRESS] = {"connections-per-address", "NUMBER",
                                        "TACOS_CONNECTIONS_PER_ADDRESS", "4096",
                                        "of one client address at the same time"},
    [OPTION_DRAIN_SECONDS] = {"drain-seconds", "NUMBER", "TACOS_DRAIN_SECONDS", "10",
                              "for requests under way when the server is to stop"},
    [OPTION_JWKS] =
        {"jwks-file", "FILE", "TACOS_JWKS_FILE", NULL,
         "public keys of another issuer's tokens (RS256, ES256); SIGHUP reads it again"},
    [OPTION_ADDRESS_RATE] = {"address-rate", "NUMBER", "TACOS_ADDRESS_RATE", NULL,
                             "requests a second of one client address; 0: no limit"},
    [OPTION_USER_RATE] = {"user-rate", "NUMBER", "TACOS_USER_RATE", NULL,
                          "requests a second of one user; 0: no limit"},
    [OPTION_JOIN_RATE] = {"join-rate", "NUMBER", "TACOS_JOIN_RATE", NULL,
                          "joins of queues a minute of one client address; 0: no limit"},
    [OPTION_ROOM_CAPACITY] = {"room-capacity", "NUMBER", "TACOS_ROOM_CAPACITY", "1000000",
                              "places of one event's queue, 16 bytes each"},
    [OPTION_MEMORY_READY] =
        {"memory-ready", "MIB", "TACOS_MEMORY_READY", "0",
         "memory for tables that is taken at the start, before a rush needs it"},
    [OPTION_PAYMENT_DELAY] = {"payment-delay-ms", "NUMBER", "TACOS_PAYMENT_DELAY_MS", "5000",
                              "after which a simulated payment with the scenario 'delay' ends"},
    [OPTION_EVENT] = {"event", "FILE", NULL, NULL,
                      "what the event is, as JSON without sections; with a CSV of its seats"},
    [OPTION_ROLE] = {"role", "user|admin", NULL, "user", "what the account may do"},
    [OPTION_PAYMENT_PROVIDER] = {"payment-provider", "URL", "TACOS_PAYMENT_PROVIDER", NULL,
                                 "HTTP payment provider; without it payments are simulated"},
    [OPTION_PAYMENT_SECRET_FILE] = {"payment-secret-file", "FILE", "TACOS_PAYMENT_SECRET_FILE",
                                    NULL, "its bearer token, mode 0600"},
    [OPTION_NOTIFICATION_URL] = {"notification-url", "URL", "TACOS_NOTIFICATION_URL", NULL,
                                 "webhook for changes of tickets and orders; without it as before"},
    [OPTION_CONFIG] = {"config", "FILE", "TACOS_CONFIG", NULL,
                       "settings as JSON, named as these options; options and variables go first"},
    [OPTION_FILES_ONLY] = {"files-only", NULL, NULL, NULL,
                           "verify the files, leave out what is in the tables"},
    [OPTION_TARGET] = {"target", "URL", "TACOS_TARGET", "http://127.0.0.1:8000", "the server"},
    [OPTION_JWT_SECRET_FILE] = {"jwt-secret-file", "FILE", NULL, NULL,
                                "what the server's tokens are signed with, if not the data "
                                "directory's"},
    [OPTION_LOAD_EVENT] = {"event", "ID", NULL, NULL,
                           "the event; without it the first that is on sale"},
    [OPTION_USERS] = {"users", "NUMBER", NULL, "100000", "buyers who take turns"},
    [OPTION_LOAD_CONNECTIONS] = {"connections", "NUMBER", NULL, "64",
                                 "that are kept open to the server"},
    [OPTION_RATE] = {"rate", "NUMBER", NULL, NULL,
                     "per second at the highest; the scenario's stages are scaled to it"},
    [OPTION_VIRTUAL_USERS] = {"virtual-users", "NUMBER", NULL, NULL,
                              "instead of a rate: so many, each of whom goes on without a rest"},
    [OPTION_DURATION] = {"duration", "TIME", NULL, NULL,
                         "like 30s or 5m; the scenario's stages are scaled to it"},
    [OPTION_TIMEOUT] = {"timeout", "TIME", NULL, "10s", "after which a request has failed"},
    [OPTION_DRAIN] = {"drain", "TIME", NULL, "30s",
                      "for people who are under way when the stages are over"},
    [OPTION_SEED] = {"seed", "NUMBER", NULL, NULL, "repeats the choices of a run"},
    [OPTION_JSON] = {"json", "FILE|-", NULL, NULL, "writes all figures as JSON"},
    [OPTION_HTML] = {"html", "FILE", NULL, NULL, "writes one page with charts"},
    [OPTION_FAIL_IF] = {"fail-if", "CONDITION", NULL, NULL,
                        "like 'p99>10ms' or 'errors>0': exit status 1 then; may be repeated",
                        .repeats = true},
    [OPTION_PRINT] = {"print", NULL, NULL, NULL, "print the scenario's file and do nothing else"},
};

enum { WORD_MAX = 32 }; /* characters of a word that are compared */

static size_t minimum(size_t left, size_t right)
{
  return left < right ? left : right;
}

/* Levenshtein distance, with one row of its table kept. */
static size_t distance_between(const char *left, size_t left_size, const char *right,
                               size_t right_size)
{
  size_t row[WORD_MAX + 1];
  CHECK_THAT(right_size, <=, WORD_MAX);
  for (size_t j = 0; j <= right_size; j++) row[j] = j;
  for (size_t i = 1; i <= left_size; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= right_size; j++) {
      size_t replaced = diagonal + (left[i - 1] != right[j - 1]);
      diagonal = row[j];
      row[j] = minimum(replaced, 1 + minimum(row[j], row[j - 1]));
    }
  }
  return row[right_size];
}

const char *options_nearest(const char *word, const char *const *known, size_t count)
{
  size_t word_size = strnlen(word, WORD_MAX);
  size_t best = SIZE_MAX;
  const char *nearest = NULL;
  for (size_t i = 0; i < count; i++) {
    size_t size = strnlen(known[i], WORD_MAX);
    size_t distance = distance_between(word, word_size, known[i], size);
    /* With more than two fifths of it changed it is another word. */
    if (distance >= best || 5 * distance > 2 * size) continue;
    best = distance;
    nearest = known[i];
  }
  return nearest;
}

bool options_refuse(const char *what, const char *word, const char *const *known, size_t count,
                    struct error *error)
{
  const char *nearest = options_nearest(word, known, count);
  if (nearest == NULL) return error_set(error, ERROR_INVALID, "unknown %s '%s'", what, word);
  return error_set(error, ERROR_INVALID, "unknown %s '%s': did you mean '%s'?", what, word,
                   nearest);
}

int options_fail(const struct arguments *arguments, const struct error *error)
{
  fflush(stdout);
  fprintf(stderr, "tacos %s: %s\n", arguments->command, error->message);
  return EXIT_FAILED;
}

int options_fail_usage(const char *command, const struct error *error)
{
  const char *space = command == NULL ? "" : " ";
  if (command == NULL) command = "";
  fprintf(stderr, "tacos%s%s: %s\n'tacos help%s%s' tells more.\n", space, command, error->message,
          space, command);
  return EXIT_USAGE;
}

/* The option of a word like "--name" or "--name=value", or OPTION_COUNT. */
static enum option find_option(const struct command *command, const char *word)
{
  CHECK(strncmp(word, "--", 2) == 0);
  size_t size = strcspn(word + 2, "=");
  for (enum option i = 0; i < OPTION_COUNT; i++) {
    if ((command->options & OPTION_BIT(i)) != 0 && strlen(OPTIONS[i].name) == size &&
        strncmp(OPTIONS[i].name, word + 2, size) == 0)
      return i;
  }
  return OPTION_COUNT;
}

static bool refuse_option(const struct command *command, const char *word, struct error *error)
{
  enum { NAME_BYTES = 64 };
  char names[OPTION_COUNT + 1][NAME_BYTES] = {"--help"};
  const char *known[OPTION_COUNT + 1] = {names[0]};
  size_t count = 1;
  for (enum option i = 0; i < OPTION_COUNT; i++) {
    if ((command->options & OPTION_BIT(i)) == 0) continue;
    snprintf(names[count], NAME_BYTES, "--%s", OPTIONS[i].name);
    CHECK_THAT(strlen(OPTIONS[i].name), <, NAME_BYTES - 2);
    known[count] = names[count];
    count++;
  }
  char name[NAME_BYTES];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
  return options_refuse("option", name, known, count, error);
}

/* Takes "--name value" or "--name=value"; *used: words beyond the first. */
static bool take_option(const struct command *command, int count, char *const *words, int *used,
                        struct arguments *arguments, struct error *error)
{
  enum option option = find_option(command, words[0]);
  if (option == OPTION_COUNT) return refuse_option(command, words[0], error);
  const char *name = OPTIONS[option].name;
  const char *equals = strchr(words[0], '=');
  const char *value = equals == NULL ? NULL : equals + 1;
  if (OPTIONS[option].value == NULL) {
    if (equals != NULL) return error_set(error, ERROR_INVALID, "--%s takes no value", name);
    value = name;
  } else if (equals == NULL && count > 1 && strncmp(words[1], "--", 2) != 0) {
    /* What looks like an option is one: a forgotten value shall not eat it. */
    value = words[1];
    *used = 1;
  }
  if (value == NULL || value[0] == 0)
    return error_set(error, ERROR_INVALID, "--%s needs a value: --%s %s", name, name,
                     OPTIONS[option].value);
  if (OPTIONS[option].repeats) {
    if (arguments->repeated_count == OPTION_REPEATS_MAX)
      return error_set(error, ERROR_INVALID, "--%s is given more than %d times", name,
                       (int)OPTION_REPEATS_MAX);
    arguments->repeated[arguments->repeated_count++] = value;
  } else if (arguments->options[option] != NULL) {
    return error_set(error, ERROR_INVALID, "--%s is given twice", name);
  }
  arguments->options[option] = value;
  return true;
}

static bool take_operand(const struct command *command, const char *word,
                         struct arguments *arguments, struct error *error)
{
  if (command->operand_need == OPERAND_NONE)
    return error_set(error, ERROR_INVALID, "unexpected argument '%s'", word);
  if (arguments->operand != NULL)
    return error_set(error, ERROR_INVALID, "unexpected argument '%s' after '%s'", word,
                     arguments->operand);
  if (word[0] == 0) return error_set(error, ERROR_INVALID, "%s may not be empty", command->operand);
  arguments->operand = word;
  return true;
}

/* A value of the environment, or NULL. */
static const char *environment_value(enum option option)
{
  if (OPTIONS[option].environment == NULL) return NULL;
  const char *value = secure_getenv(OPTIONS[option].environment);
  return value == NULL || value[0] == 0 ? NULL : value;
}

/* The file that the command line or the environment names. */
static bool take_config(const struct command *command, struct arguments *arguments,
                        struct error *error)
{
  if ((command->options & OPTION_BIT(OPTION_CONFIG)) == 0) return true;
  const char *path = arguments->options[OPTION_CONFIG];
  if (path == NULL) path = environment_value(OPTION_CONFIG);
  if (path == NULL) return true;
  arguments->config = malloc(sizeof *arguments->config);
  if (arguments->config == NULL)
    return error_set(error, ERROR_NO_MEMORY, "no memory for the configuration");
  return config_read(arguments->config, path, command, error);
}

/* What the command line left open. */
static bool take_defaults(const struct command *command, struct arguments *arguments,
                          struct error *error)
{
  if (!take_config(command, arguments, error)) return false;
  for (enum option i = 0; i < OPTION_COUNT; i++) {
    if ((command->options & OPTION_BIT(i)) == 0 || arguments->options[i] != NULL) continue;
    const char *value = environment_value(i);
    if (value == NULL && arguments->config != NULL) value = arguments->config->values[i];
    if (value == NULL) value = OPTIONS[i].fallback;
    arguments->options[i] = value;
  }
  return true;
}

void options_free(struct arguments *arguments)
{
  if (arguments->config == NULL) return;
  config_free(arguments->config);
  free(arguments->config);
  arguments->config = NULL;
}

bool options_parse(const struct command *command, int count, char *const *words,
                   struct arguments *arguments, struct error *error)
{
  CHECK((command->operand_need == OPERAND_NONE) == (command->operand == NULL));
  CHECK_THAT(command->options, <, OPTION_BIT(OPTION_COUNT));
  *arguments = (struct arguments){.command = command->name};
  bool only_operands = false;
  for (int i = 0; i < count; i++) {
    const char *word = words[i];
    if (!only_operands && strcmp(word, "--") == 0) {
      only_operands = true;
    } else if (!only_operands && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
      arguments->help = true;
      return true;
    } else if (!only_operands && strncmp(word, "--", 2) == 0) {
      int used = 0;
      if (!take_option(command, count - i, words + i, &used, arguments, error)) return false;
      i += used;
    } else if (!only_operands && word[0] == '-' && word[1] != 0) {
      return error_set(error, ERROR_INVALID, "unknown option '%s': options have long names", word);
    } else if (!take_operand(command, word, arguments, error)) {
      return false;
    }
  }
  if (command->operand_need == OPERAND_NEEDED && arguments->operand == NULL)
    return error_set(error, ERROR_INVALID, "%s is missing", command->operand);
  return take_defaults(command, arguments, error);
}
