/*
 * Compressed bodies: gzip (RFC 1952) by zlib, and whether a client takes it.
 *
 * A `struct compressor` owns one deflate stream, about 256 KiB, that is made at its first use and
 * only reset from one body to the next. One per thread; its memory is taken from the struct memory
 * it was given, zlib's own blocks included, and given back by compressor_free.
 *
 * Not for a body that holds a secret beside text that a stranger chose: over TLS its size would
 * tell about the secret (BREACH, CVE-2013-3587). Only the caller knows.
 */
#ifndef TACOS_NET_COMPRESS_H
#define TACOS_NET_COMPRESS_H

#include "base/bytes.h"

/*
 * zlib's levels for the two moments a body is compressed: measured on 48 KB of JSON, level 1 costs
 * a third of level 6 for a body 1.2 times as large; what is loaded once may take as long as it
 * wants.
 */
enum {
  COMPRESS_LEVEL_REPLY = 1,
  COMPRESS_LEVEL_BEST = 9,
};

struct z_stream_s; /* zlib.h */

struct compressor {
  struct memory *memory;
  struct z_stream_s *stream; /* NULL until it is needed */
  int level;                 /* the stream's present one */
};

/* Acquires nothing. */
void compressor_init(struct compressor *compressor, struct memory *memory);
void compressor_free(struct compressor *compressor);

/*
 * Makes the stream ahead of its first use, so that compressing cannot run out of memory but for the
 * buffer; false when there is none.
 */
bool compressor_prepare(struct compressor *compressor);

/*
 * Appends the body as one gzip member to `to`, which does not hold the body. level is 1 to 9. False
 * when there is no memory for body.size more bytes or for the stream, or when the result would not
 * be smaller than the body: `to` holds what it held, and the body is sent as it is.
 */
bool compress_gzip(struct compressor *compressor, struct bytes body, int level, struct buffer *to);

/*
 * Whether bodies of this Content-Type are worth it: text of any kind, JSON, JavaScript, XML (by
 * their names and +json, +xml). Parameters are ignored, so is case.
 */
bool compress_type_allowed(struct bytes content_type);

/*
 * Whether a client that sent this Accept-Encoding takes gzip (RFC 9110 12.5.3): it names gzip,
 * x-gzip or *, with a weight above 0 and not below the one it gives identity. An absent field (data
 * NULL) allows any coding by the RFC, but who sends none mostly knows none: no. A field that is
 * not well-formed means no. A coding named twice has the smaller weight.
 */
bool accepts_gzip(struct bytes accept_encoding);

#endif
