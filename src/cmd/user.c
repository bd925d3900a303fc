#include "cmd/commands.h"
#include "cmd/offline.h"
#include "shield/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 1024 };

/* Never an argument: every process of the machine can read those. */
static bool read_password(char line[LINE_BYTES], struct error *error)
{
  const char *variable = secure_getenv("TACOS_PASSWORD");
  if (variable != NULL && variable[0] != 0) {
    snprintf(line, LINE_BYTES, "%s", variable);
    return true;
  }
  if (fgets(line, LINE_BYTES, stdin) == NULL) line[0] = 0;
  line[strcspn(line, "\r\n")] = 0;
  return line[0] != 0 ||
         error_set(error, ERROR_INVALID, "no password: write it to stdin, or set TACOS_PASSWORD");
}

static bool add(struct offline *offline, struct users *users, const struct arguments *arguments,
                struct bytes password, struct error *error)
{
  struct arena arena;
  struct user_answer answer;
  enum identity_role role;
  const char *name = arguments->operand;
  if (!identity_role_parse(bytes_of_text(arguments->options[OPTION_ROLE]), &role))
    return error_set(error, ERROR_INVALID, "--role '%s' is unknown: user or admin",
                     arguments->options[OPTION_ROLE]);
  char email[LINE_BYTES];
  snprintf(email, sizeof email, "%.64s@localhost.localdomain", name);
  const struct user_registration registration = {
      .username = bytes_of_text(name),
      .password = password,
      .email = bytes_of_text(email),
      .display_name = bytes_of_text(name),
  };
  arena_init(&arena, &offline->world->memory);
  enum user_refusal refusal = user_add(users, &registration, role, &password_cost_today, &arena,
                                       &answer);
  bool done = refusal == USER_OK && store_sync(offline->store, error);
  if (refusal == USER_INVALID)
    error_set(error, ERROR_INVALID, "%.*s", BYTES_FORMAT(answer.details));
  else if (refusal == USER_EXISTS)
    error_set(error, ERROR_EXISTS, "there is an account '%s' already", name);
  else if (refusal != USER_OK)
    error_set(error, ERROR_NO_SPACE, "no memory or disk for the account");
  if (done)
    printf("%s (%s), user id %.*s\n", name, arguments->options[OPTION_ROLE],
           BYTES_FORMAT(answer.account.user_id));
  arena_free(&arena);
  return done;
}

static bool run(struct offline *offline, const struct arguments *arguments, struct error *error)
{
  char line[LINE_BYTES];
  const struct password_pool_options options = {.jobs = 1, .cost = password_cost_today};
  bool done = false;
  if (!read_password(line, error)) return false;
  struct password_pool *pool = password_pool_open(offline->world, &options, error);
  struct users *users = NULL;
  if (pool != NULL) users = users_open(offline->world, offline->store, pool, error);
  if (users != NULL) {
    done = add(offline, users, arguments, bytes_of_text(line), error);
    users_close(users);
  }
  if (pool != NULL) password_pool_close(pool);
  explicit_bzero(line, sizeof line);
  return done;
}

int command_user_add(const struct arguments *arguments)
{
  struct offline offline;
  struct error error;
  struct error closing;
  if (!offline_open(&offline, arguments, &error)) return options_fail(arguments, &error);
  bool done = run(&offline, arguments, &error);
  bool closed = offline_close(&offline, &closing);
  if (!done) return options_fail(arguments, &error);
  return closed ? EXIT_DONE : options_fail(arguments, &closing);
}
