/*
 * Client request tokens of the last ten minutes (TRANSACTION_TOKEN_MS): a transaction whose token
 * is remembered changes nothing. Tokens are logged with their transaction and kept in the snapshot,
 * so a restart forgets none. Engine thread only.
 */
#ifndef TACOS_STORE_TOKENS_H
#define TACOS_STORE_TOKENS_H

#include "store/index.h"
#include "store/store.h"

struct token {
  struct token *newer; /* list in order of time */
  int64_t time_ms;     /* of the transaction */
  uint64_t request_hash;
  uint32_t size;
  uint8_t text[];
};

struct tokens {
  struct index index;
  struct heap *heap;
  uint64_t hash_seed;
  struct token *oldest;
  struct token *newest;
  struct token *walk; /* next of the walk below; NULL: none or at its end */
};

/* False when there is no memory. */
bool tokens_init(struct tokens *tokens, struct memory *memory, struct heap *heap,
                 uint64_t hash_seed);
void tokens_free(struct tokens *tokens);

/* Forgets all. */
void tokens_clear(struct tokens *tokens);

/* The token if it is remembered at `now_ms`, or NULL. */
const struct token *tokens_find(const struct tokens *tokens, struct bytes text, int64_t now_ms);

/*
 * A block for a token and room in the index for it; NULL: no memory. Give it to tokens_add or back.
 */
struct token *tokens_prepare(struct tokens *tokens, struct store_token token);
void tokens_discard(struct tokens *tokens, struct token *token);

/* Remembers it as of `time_ms`, which never goes back; one with the same text is replaced. */
void tokens_add(struct tokens *tokens, struct token *token, int64_t time_ms);

/* Forgets what is older than ten minutes, at most `limit` tokens. */
void tokens_expire(struct tokens *tokens, int64_t now_ms, uint32_t limit);

/*
 * One walk at a time over all tokens in order of time, while tokens come and go: for the snapshot.
 * tokens_walk_next gives NULL at the end.
 */
void tokens_walk_begin(struct tokens *tokens);
const struct token *tokens_walk_next(struct tokens *tokens);

#endif
