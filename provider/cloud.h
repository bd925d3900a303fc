/*
 * The rehearsed cloud: what "exists" after an apply, in a local file.
 *
 *   {"rehearsal":1,"generation":"0123456789abcdef"}
 *   {"type":"aws_vpc","region":"ap-northeast-2","id":"vpc-0...","state":{...}}
 *   {"type":"aws_vpc","region":"ap-northeast-2","id":"vpc-0...","state":null}
 *
 * JSON, a line per change, the last line of a resource counts, null: it is gone. One append per
 * change costs the same however much exists, and a line cut off by a crash is not read. When
 * nothing exists any more the file starts again with a new generation, so that another process
 * knows that its offset is void. Each provider process (there is one per provider configuration)
 * takes the file's lock for every call and first reads what the others appended.
 */
#ifndef TACOS_PROVIDER_CLOUD_H
#define TACOS_PROVIDER_CLOUD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

struct cloud;

struct cloud_key {
  struct bytes type;
  struct bytes region; /* empty: a global resource */
  struct bytes id;
};

struct cloud_resource {
  struct cloud_key key;
  struct bytes state; /* JSON */
};

/* Nothing is touched until the first call below. `path` is copied. */
struct cloud *cloud_new(const char *path, struct memory *memory);
void cloud_free(struct cloud *cloud);

const char *cloud_path(const struct cloud *cloud);

/* The state as JSON in the arena; empty when there is none. False when the file cannot be read. */
bool cloud_find(struct cloud *cloud, const struct cloud_key *key, struct arena *arena,
                struct bytes *state, struct error *error);

/* An empty state removes. */
bool cloud_put(struct cloud *cloud, const struct cloud_key *key, struct bytes state,
               struct error *error);

/* All resources of a type, in the order of their making, as copies in the arena. */
bool cloud_list(struct cloud *cloud, struct bytes type, struct arena *arena,
                struct cloud_resource **resources, size_t *count, struct error *error);

#endif
