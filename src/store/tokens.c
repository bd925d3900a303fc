#include "store/tokens.h"

#include "base/check.h"
#include "base/hash.h"

bool tokens_init(struct tokens *tokens, struct memory *memory, struct heap *heap,
                 uint64_t hash_seed)
{
  *tokens = (struct tokens){.heap = heap, .hash_seed = hash_seed};
  return index_init(&tokens->index, memory, heap);
}

static size_t token_block_size(size_t text_size)
{
  return sizeof(struct token) + text_size;
}

static struct bytes token_text(const struct token *token)
{
  return bytes_of(token->text, token->size);
}

static uint64_t token_hash(const struct tokens *tokens, struct bytes text)
{
  return hash_bytes(text, tokens->hash_seed);
}

static bool is_over(const struct token *token, int64_t now_ms)
{
  return now_ms - token->time_ms >= TRANSACTION_TOKEN_MS;
}

static struct token *find(const struct tokens *tokens, struct bytes text)
{
  for (struct index_slot *slot = index_find(&tokens->index, token_hash(tokens, text)); slot != NULL;
       slot = index_find_next(&tokens->index, slot)) {
    if (bytes_equal(token_text(slot->entry), text)) return slot->entry;
  }
  return NULL;
}

const struct token *tokens_find(const struct tokens *tokens, struct bytes text, int64_t now_ms)
{
  const struct token *token = find(tokens, text);
  return token == NULL || is_over(token, now_ms) ? NULL : token;
}

struct token *tokens_prepare(struct tokens *tokens, struct store_token token)
{
  CHECK_THAT(token.text.size, <=, TRANSACTION_TOKEN_MAX);
  struct token *made = heap_alloc(tokens->heap, token_block_size(token.text.size));
  if (made == NULL) return NULL;
  *made = (struct token){.request_hash = token.request_hash, .size = (uint32_t)token.text.size};
  memcpy(made->text, token.text.data, token.text.size);
  if (index_prepare(&tokens->index, token_hash(tokens, token.text), 1)) return made;
  tokens_discard(tokens, made);
  return NULL;
}

void tokens_discard(struct tokens *tokens, struct token *token)
{
  heap_free(tokens->heap, token, token_block_size(token->size));
}

void tokens_add(struct tokens *tokens, struct token *token, int64_t time_ms)
{
  struct bytes text = token_text(token);
  uint64_t hash = token_hash(tokens, text);
  struct token *known = find(tokens, text);
  if (known != NULL) index_remove(&tokens->index, hash, known); /* its block leaves with the list */
  token->time_ms = time_ms;
  token->newer = NULL;
  if (tokens->newest == NULL)
    tokens->oldest = token;
  else
    tokens->newest->newer = token;
  tokens->newest = token;
  index_insert(&tokens->index, hash, token);
}

static void drop_oldest(struct tokens *tokens)
{
  struct token *token = tokens->oldest;
  struct bytes text = token_text(token);
  if (find(tokens, text) == token) index_remove(&tokens->index, token_hash(tokens, text), token);
  if (tokens->walk == token) tokens->walk = token->newer;
  tokens->oldest = token->newer;
  if (tokens->oldest == NULL) tokens->newest = NULL;
  tokens_discard(tokens, token);
}

void tokens_expire(struct tokens *tokens, int64_t now_ms, uint32_t limit)
{
  for (uint32_t i = 0; i < limit && tokens->oldest != NULL; i++) {
    if (!is_over(tokens->oldest, now_ms)) return;
    drop_oldest(tokens);
  }
}

void tokens_clear(struct tokens *tokens)
{
  while (tokens->oldest != NULL) drop_oldest(tokens);
}

void tokens_free(struct tokens *tokens)
{
  tokens_clear(tokens);
  index_free(&tokens->index);
}

void tokens_walk_begin(struct tokens *tokens)
{
  tokens->walk = tokens->oldest;
}

const struct token *tokens_walk_next(struct tokens *tokens)
{
  struct token *token = tokens->walk;
  if (token != NULL) tokens->walk = token->newer;
  return token;
}
