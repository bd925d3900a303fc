#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"

#include <stdio.h>

int command_keygen(const struct arguments *arguments)
{
  struct world_linux linux_world;
  struct error error;
  world_linux_init(&linux_world);
  if (!key_file_make(&linux_world.world, arguments->operand, &error))
    return options_fail(arguments, &error);
  printf("new key in %s: keep a copy elsewhere, without it nobody can read the store\n",
         arguments->operand);
  return EXIT_DONE;
}
