#include "sale/qr.h"

#include "base/check.h"

#include <errno.h>

#include <qrencode.h>

static bool is_alphanumeric(struct bytes text)
{
  static const char others[] = " $%*+-./:";
  for (size_t i = 0; i < text.size; i++) {
    uint8_t c = text.data[i];
    bool known = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                 (c != '\0' && memchr(others, c, sizeof others - 1) != NULL);
    if (!known) return false;
  }
  return true;
}

static bool refuse(struct error *error, int os_errno)
{
  if (os_errno == ERANGE)
    return error_set(error, ERROR_LIMIT, "the text is too long for a QR code of version %d",
                     QR_VERSION_MAX);
  return error_set(error, ERROR_NO_MEMORY, "no memory for a QR code");
}

/* The lowest bit of libqrencode's bytes is the colour, the others say what a module is for. */
static void copy_modules(struct qr *qr, const QRcode *code)
{
  qr->version = (uint32_t)code->version;
  qr->size = (uint32_t)code->width;
  CHECK_THAT(qr->size, ==, 17 + 4 * qr->version);
  CHECK_THAT(qr->size, <=, QR_SIZE_MAX);
  for (uint32_t i = 0; i < qr->size * qr->size; i++) qr->dark[i] = code->data[i] & 1;
}

bool qr_encode(struct bytes text, enum qr_level level, struct qr *qr, struct error *error)
{
  if (text.size == 0) return error_set(error, ERROR_INVALID, "a QR code of nothing");
  if (text.size > QR_TEXT_BYTES_MAX) return refuse(error, ERANGE);
  QRencodeMode mode = is_alphanumeric(text) ? QR_MODE_AN : QR_MODE_8;
  QRinput *input = QRinput_new2(0, level == QR_LEVEL_Q ? QR_ECLEVEL_Q : QR_ECLEVEL_M);
  if (input == NULL) return refuse(error, errno);
  QRcode *code = NULL;
  if (QRinput_append(input, mode, (int)text.size, text.data) == 0) code = QRcode_encodeInput(input);
  int os_errno = errno;
  QRinput_free(input);
  if (code == NULL) return refuse(error, os_errno);
  bool fits = code->version <= QR_VERSION_MAX;
  if (fits) copy_modules(qr, code);
  QRcode_free(code);
  return fits || refuse(error, ERANGE);
}

/* Coordinates have two digits at most, and a row has a run for every second module at most. */
enum { RUN_BYTES = 8, ROW_BYTES = (QR_SIZE_MAX + 1) / 2 * RUN_BYTES };

_Static_assert(QR_SIZE_MAX + 2 * QR_QUIET_MODULES <= 99, "two digits");

static char *put_number(char *to, uint32_t number)
{
  CHECK_THAT(number, <=, 99);
  if (number >= 10) *to++ = (char)('0' + number / 10);
  *to++ = (char)('0' + number % 10);
  return to;
}

/* "M4 4.5" or "m3 0", to where a run begins. */
static char *put_move(char *to, bool first, uint32_t x, uint32_t y, uint32_t pen)
{
  *to++ = first ? 'M' : 'm';
  to = put_number(to, first ? x + QR_QUIET_MODULES : x - pen);
  *to++ = ' ';
  to = put_number(to, first ? y + QR_QUIET_MODULES : 0);
  if (!first) return to;
  *to++ = '.';
  *to++ = '5';
  return to;
}

/* A row's runs of dark modules, as strokes of a pen one module wide along its middle. */
static void write_row(const struct qr *qr, uint32_t y, struct buffer *buffer)
{
  char text[ROW_BYTES + 3]; /* the first move is longer */
  char *next = text;
  uint32_t pen = 0;
  for (uint32_t x = 0; x < qr->size; x++) {
    if (!qr_is_dark(qr, x, y)) continue;
    uint32_t end = x;
    while (end < qr->size && qr_is_dark(qr, end, y)) end++;
    next = put_move(next, next == text, x, y, pen);
    *next++ = 'h';
    next = put_number(next, end - x);
    pen = x = end;
  }
  CHECK((size_t)(next - text) <= sizeof text);
  buffer_append(buffer, bytes_of(text, (size_t)(next - text)));
}

bool qr_write_svg(const struct qr *qr, struct buffer *buffer)
{
  uint32_t side = qr->size + 2 * QR_QUIET_MODULES;
  buffer_append_format(buffer,
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" "
                       "shape-rendering=\"crispEdges\"><rect width=\"%u\" height=\"%u\" "
                       "fill=\"#fff\"/><path stroke=\"#000\" d=\"",
                       side, side, side, side);
  for (uint32_t y = 0; y < qr->size; y++) write_row(qr, y, buffer);
  buffer_append(buffer, BYTES("\"/></svg>"));
  return !buffer->failed;
}
