#include "sale/sale_parts.h"

void sale_detail_begin(struct sale_step *step, struct sale_detail *detail)
{
  buffer_init(&detail->text, step->sale->memory);
  json_writer_init(&detail->json, &detail->text);
  json_write_object_begin(&detail->json);
}

struct bytes sale_detail_end(struct sale_step *step, struct sale_detail *detail)
{
  struct bytes copy = {NULL, 0};
  json_write_object_end(&detail->json);
  if (json_writer_finish(&detail->json))
    copy = arena_copy(step->plan->arena, buffer_bytes(&detail->text));
  buffer_free(&detail->text);
  if (copy.data == NULL) step->failed = true;
  return copy;
}

/*
 * pk OUTBOX#{eventId}, sk CREATED#{timestamp}. The row's id is the event's id on the bus, so that
 * it is the same however often it is delivered.
 */
void outbox_add(struct sale_step *step, struct bytes type, struct bytes aggregate_type,
                struct bytes aggregate_id, struct bytes detail)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  char created[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, created);
  struct bytes id = sale_new_id(sale, arena, BYTES("ev_"));
  struct record_writer *writer = &sale->writer;
  if (id.data == NULL) {
    step->failed = true;
    return;
  }
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("OUTBOX#"), id));
  record_text(writer, BYTES("sk"),
              record_key(arena, BYTES("CREATED#"), bytes_of(created, sizeof created)));
  record_text(writer, BYTES("eventId"), id);
  record_text(writer, BYTES("eventType"), type);
  record_text(writer, BYTES("eventData"), detail);
  record_text(writer, BYTES("aggregateType"), aggregate_type);
  record_text(writer, BYTES("aggregateId"), aggregate_id);
  record_text(writer, BYTES("createdAt"), bytes_of(created, sizeof created));
  record_bool(writer, BYTES("published"), false);
  sale_step_put(step, sale->outbox, record_end(writer, arena), NULL, NULL);
}
