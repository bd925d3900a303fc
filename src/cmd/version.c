#include "cmd/commands.h"

#include <stdio.h>

int command_version(const struct arguments *arguments)
{
  (void)arguments;
  printf("tacos %s\n", TACOS_VERSION);
  return EXIT_DONE;
}
