/*
 * The directory of a store or of a backup: made when absent, used by one process at a time.
 */
#ifndef TACOS_STORE_DIRECTORY_H
#define TACOS_STORE_DIRECTORY_H

#include "store/store_file.h"

/*
 * Makes the directory when it is absent, its name durable in the directory above, and locks it.
 * Returns the lock's file handle, to be closed when done; the lock also dies with the process. -1
 * with *error: ERROR_LOCKED when another process has it, ERROR_INVALID (path too long), ERROR_IO.
 */
int directory_claim(struct world *world, const char *directory, struct error *error);

#endif
