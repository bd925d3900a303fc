#include "cmd/commands.h"

#include <stdio.h>

const char *command_version_text(void)
{
  return TACOS_VERSION;
}

int command_version(const struct arguments *arguments)
{
  (void)arguments;
  printf("tacos %s\n", command_version_text());
  return EXIT_DONE;
}
