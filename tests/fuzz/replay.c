/*
 * Runs a fuzz target over files instead of libFuzzer's mutations: `replay FILE-OR-DIRECTORY...`.
 * Linked with one target under ASan + UBSan, so that every committed seed is part of `make test`,
 * and a crash that libFuzzer found can be debugged with gcc and gdb.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

/* An exact allocation, so that ASan sees a read of one byte too much. */
static int run_file(const char *path)
{
  FILE *file = fopen(path, "rb");
  uint8_t *read = malloc(INPUT_BYTES_MAX);
  if (file == NULL || read == NULL) {
    fprintf(stderr, "replay: cannot read %s\n", path);
    exit(1);
  }
  size_t size = fread(read, 1, INPUT_BYTES_MAX, file);
  fclose(file);
  uint8_t *input = malloc(size > 0 ? size : 1);
  if (input == NULL) exit(1);
  memcpy(input, read, size);
  free(read);
  /* Printed first: the last line before a crash names the input. */
  printf("%s\n", path);
  fflush(stdout);
  LLVMFuzzerTestOneInput(input, size);
  free(input);
  return 1;
}

static int run_path(const char *path)
{
  DIR *directory = opendir(path);
  if (directory == NULL) return run_file(path);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char inner[PATH_BYTES];
    snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
    count += run_file(inner);
  }
  closedir(directory);
  return count;
}

int main(int argument_count, char **arguments)
{
  int count = 0;
  for (int i = 1; i < argument_count; i++) count += run_path(arguments[i]);
  printf("%d inputs\n", count);
  if (count == 0) fprintf(stderr, "replay: no input; commit seeds under tests/fuzz/seeds/\n");
  return count > 0 ? 0 : 1;
}
