#include "room/room_parts.h"

static size_t memory_of(const struct room *room)
{
  const struct identities *identities = &room->identities;
  size_t size = sizeof *room;
  size += (room->line.capacity + room->drawn.capacity) * (size_t)(512 / 8 + sizeof(uint32_t));
  size += room->waiters.chunks_kept * sizeof(struct waiter_chunk) +
          room->waiters.chunk_capacity * sizeof(struct waiter_chunk *);
  if (room->waiters.entries != NULL) size += sizeof *room->waiters.entries;
  size += ((size_t)identities->mask + 1) * sizeof *identities->partitions +
          identities->slots * sizeof(uint32_t);
  return size + room->shoppers.capacity * (sizeof(struct shopper) + sizeof(uint32_t));
}

void room_counts(const struct room *room, struct room_counts *counts)
{
  const struct room_metrics *metrics = &room->metrics;
  *counts = (struct room_counts){
      .waiting = room->line.total,
      .ghosts = room->waiters.counts[WAITER_GHOST],
      .admitted = room->waiters.counts[WAITER_ADMITTED],
      .entered = room->entered,
      .shoppers = room->shoppers.count,
      .allowed = (uint64_t)room->pace.allowed,
      .memory_bytes = memory_of(room),
      .joins = metrics->joins,
      .admissions = metrics->admissions,
      .entries = metrics->entries,
      .abandoned = metrics->abandoned,
      .expired = metrics->expired,
      .silent = metrics->ghosts,
      .returned = metrics->returned,
      .refused_full = metrics->refused_full,
      .eta_error_ms = metrics->eta_error_ms,
      .eta_checked = metrics->eta_checked,
  };
}

static const struct metric_definition ROWS[] = {
    {"tacos_room_waiting", METRIC_GAUGE, "Living waiters in line.",
     offsetof(struct room_counts, waiting)},
    {"tacos_room_ghosts", METRIC_GAUGE, "Waiters silent for longer than the grace.",
     offsetof(struct room_counts, ghosts)},
    {"tacos_room_admitted", METRIC_GAUGE, "Waiters who may enter and have not.",
     offsetof(struct room_counts, admitted)},
    {"tacos_room_shoppers", METRIC_GAUGE, "Admitted and not done.",
     offsetof(struct room_counts, shoppers)},
    {"tacos_room_allowed_per_second", METRIC_GAUGE, "Admissions a second, adapted to latency.",
     offsetof(struct room_counts, allowed)},
    {"tacos_room_memory_bytes", METRIC_GAUGE, "Memory of the room beside the store.",
     offsetof(struct room_counts, memory_bytes)},
    {"tacos_room_joins_total", METRIC_COUNTER, "Places given out.",
     offsetof(struct room_counts, joins)},
    {"tacos_room_admissions_total", METRIC_COUNTER, "Waiters let in.",
     offsetof(struct room_counts, admissions)},
    {"tacos_room_entries_total", METRIC_COUNTER, "Reservation tokens given out.",
     offsetof(struct room_counts, entries)},
    {"tacos_room_abandoned_total", METRIC_COUNTER, "Waiters and shoppers who left.",
     offsetof(struct room_counts, abandoned)},
    {"tacos_room_expired_total", METRIC_COUNTER, "Places and admissions whose time was over.",
     offsetof(struct room_counts, expired)},
    {"tacos_room_silent_total", METRIC_COUNTER, "Waiters who became ghosts.",
     offsetof(struct room_counts, silent)},
    {"tacos_room_returned_total", METRIC_COUNTER, "Ghosts who came back.",
     offsetof(struct room_counts, returned)},
    {"tacos_room_full_total", METRIC_COUNTER, "Joins refused for want of a place.",
     offsetof(struct room_counts, refused_full)},
    {"tacos_room_eta_checked_total", METRIC_COUNTER, "Predictions whose time has come.",
     offsetof(struct room_counts, eta_checked)},
    {"tacos_room_eta_error_milliseconds_total", METRIC_COUNTER,
     "By how much they were wrong, together.", offsetof(struct room_counts, eta_error_ms)},
};

void lobby_write_metrics(const struct lobby *lobby, struct metrics_writer *writer)
{
  for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
    metrics_family(writer, ROWS[i].name, ROWS[i].kind, ROWS[i].help);
    for (uint32_t j = 0; j < lobby->room_count; j++) {
      uint64_t value;
      struct room_counts counts;
      room_counts(lobby->rooms[j], &counts);
      const struct metric_label label = {"event", lobby->rooms[j]->record.event_id};
      memcpy(&value, (const uint8_t *)&counts + ROWS[i].offset, sizeof value);
      metrics_sample(writer, ROWS[i].name, &label, 1, value);
    }
  }
}
