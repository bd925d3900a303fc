#include "store/record.h"

#include "base/check.h"

uint8_t *part_write(uint8_t *to, const struct part *part)
{
  to[0] = (uint8_t)part->kind;
  to[1] = part->flags;
  bytes_put_u16(to + 2, 0);
  bytes_put_u32(to + 4, part->table_id);
  bytes_put_u32(to + 8, (uint32_t)part->image.size);
  bytes_put_u32(to + 12, (uint32_t)part->old.size);
  to += PART_HEADER_BYTES;
  if (part->image.size > 0) memcpy(to, part->image.data, part->image.size);
  to += part->image.size;
  if (part->old.size > 0) memcpy(to, part->old.data, part->old.size);
  return to + part->old.size;
}

bool part_read(struct bytes *payload, struct part *part, bool *malformed)
{
  *malformed = false;
  if (payload->size == 0) return false;
  *malformed = true;
  if (payload->size < PART_HEADER_BYTES) return false;
  const uint8_t *header = payload->data;
  size_t image_size = bytes_get_u32(header + 8);
  size_t old_size = bytes_get_u32(header + 12);
  size_t size = part_size(image_size, old_size);
  if (header[0] < PART_PUT || header[0] > PART_TOKEN || size > payload->size) return false;
  *part = (struct part){
      .kind = (enum part_kind)header[0],
      .flags = header[1],
      .table_id = bytes_get_u32(header + 4),
      .image = bytes_of(header + PART_HEADER_BYTES, image_size),
      .old = bytes_of(header + PART_HEADER_BYTES + image_size, old_size),
  };
  *payload = bytes_of(header + size, payload->size - size);
  *malformed = false;
  return true;
}
