/*
 * QR codes (ISO/IEC 18004) of short texts: the matrix, and an SVG of it. libqrencode makes the
 * matrix; here are the bounds, and the drawing.
 *
 * A text that has only digits, upper case letters and " $%*+-./:" takes 5.5 bits for each character
 * (alphanumeric mode), any other 8 for each byte; readers take those for UTF-8. The smallest
 * version that has room is taken.
 *
 * Memory: a matrix is in its struct. libqrencode takes its own from malloc, some tens of KiB, and
 * gives it back before qr_encode returns. Any thread.
 */
#ifndef TACOS_SALE_QR_H
#define TACOS_SALE_QR_H

#include "base/bytes.h"
#include "base/error.h"

enum {
  QR_VERSION_MAX = 15,     /* beyond, the modules are too small for a phone's screen */
  QR_TEXT_BYTES_MAX = 600, /* alphanumeric characters of that version at level M */
  QR_QUIET_MODULES = 4,    /* light ones around the symbol (ISO/IEC 18004, section 5.3.8) */
  QR_SIZE_MAX = 17 + 4 * QR_VERSION_MAX,
};

/* How much of a symbol may be unreadable. */
enum qr_level {
  QR_LEVEL_M, /* 15 % */
  QR_LEVEL_Q, /* 25 %: for paper that is folded and rained on */
};

struct qr {
  uint32_t version;
  uint32_t size;                           /* modules of a side */
  uint8_t dark[QR_SIZE_MAX * QR_SIZE_MAX]; /* row after row, 1: dark */
};

static inline bool qr_is_dark(const struct qr *qr, uint32_t x, uint32_t y)
{
  return qr->dark[y * qr->size + x] != 0;
}

/*
 * ERROR_INVALID when the text is empty, ERROR_LIMIT when it does not fit into QR_VERSION_MAX,
 * ERROR_NO_MEMORY.
 */
bool qr_encode(struct bytes text, enum qr_level level, struct qr *qr, struct error *error);

/*
 * Appends an SVG image without a size of its own: a light square and one path for the dark modules,
 * one unit each, with the quiet zone around. About 6 bytes for each run of dark modules. False when
 * there is no memory.
 */
bool qr_write_svg(const struct qr *qr, struct buffer *buffer);

#endif
