#include "sale/audit_parts.h"

#include "base/instant.h"

/* ---- reading: pk TICKET#{ticketId}, sk EVENT#{timestamp}#{version} ---- */

enum { VERSION, DATA, TYPE, PK, SK, FIELDS };

static const struct bytes NAMES[FIELDS] = {
    [VERSION] = {(const uint8_t *)"aggregateVersion", 16},
    [DATA] = {(const uint8_t *)"eventData", 9},
    [TYPE] = {(const uint8_t *)"eventType", 9},
    [PK] = {(const uint8_t *)"pk", 2},
    [SK] = {(const uint8_t *)"sk", 2},
};

/* The arrows of CONTRACT 3. A payment after its hold lapsed takes free seats (DESIGN 8). */
static bool is_arrow(uint8_t from, uint8_t to)
{
  static const bool arrows[TICKET_IS_ODD][TICKET_IS_ODD] = {
      [TICKET_IS_AVAILABLE] = {[TICKET_IS_RESERVED] = true, [TICKET_IS_SOLD] = true},
      [TICKET_IS_RESERVED] = {[TICKET_IS_SOLD] = true, [TICKET_IS_AVAILABLE] = true},
      [TICKET_IS_SOLD] = {[TICKET_IS_AVAILABLE] = true},
  };
  return from < TICKET_IS_ODD && to < TICKET_IS_ODD && arrows[from][to];
}

/* "EVENT#{timestamp}#{version}" with this version. */
static bool read_sort_key(struct bytes sk, int64_t version, int64_t *time_ms)
{
  struct bytes rest;
  if (!audit_after(sk, BYTES("EVENT#"), &rest)) return false;
  size_t mark = bytes_find(rest, BYTES("#"));
  if (mark == SIZE_MAX) return false;
  struct error error;
  if (!instant_parse(bytes_of(rest.data, mark), time_ms, &error)) return false;
  int64_t written = 0;
  for (size_t i = mark + 1; i < rest.size; i++) {
    if (rest.data[i] < '0' || rest.data[i] > '9' || written > INT64_MAX / 10 - 1) return false;
    written = written * 10 + (rest.data[i] - '0');
  }
  return rest.size > mark + 1 && written == version;
}

static void add_row(struct audit *audit, struct audit_ticket *ticket,
                    const struct audit_detail *detail, uint32_t version, int64_t time_ms)
{
  if (version == 1) {
    ticket->created_rows++;
  } else {
    ticket->changes++;
    ticket->version_sum += audit_mix(version, 0);
    ticket->to_sum += audit_mix(version, detail->status);
    ticket->from_sum += audit_mix(version - 1, detail->previous);
  }
  if (version >= ticket->last_version) {
    ticket->last_version = version;
    ticket->last_status = detail->status;
  }
  if (time_ms <= audit->options->now_ms - AUDIT_KEPT_MS) return;
  ticket->to_tell++;
  ticket->to_tell_sum += audit_mix(version, 0);
}

bool audit_read_history(struct audit *audit, struct value item)
{
  struct value values[FIELDS];
  struct audit_detail detail;
  struct bytes id;
  uint32_t number;
  int64_t time_ms;
  audit_pick(item, NAMES, FIELDS, values);
  if (!audit_after(audit_text(values[PK]), BYTES("TICKET#"), &id)) return true;
  /* What happens to a ticket without changing its state makes no version. */
  if (bytes_equal(audit_text(values[TYPE]), BYTES("TicketCheckedIn"))) return true;
  audit_law(audit, AUDIT_HISTORY)->count++;
  if (!audit_refer(audit, &audit->tickets, id, &number) ||
      !audit_read_detail(audit, audit_text(values[DATA]), &detail))
    return false;
  int64_t version = audit_integer(values[VERSION], 0);
  if (version < 1 || version >= UINT32_MAX || !detail.whole ||
      !read_sort_key(audit_text(values[SK]), version, &time_ms)) {
    audit_find(audit, AUDIT_HISTORY, "ticket %.*s: the row %.*s of its history is not whole",
               BYTES_FORMAT(id), BYTES_FORMAT(audit_text(values[SK])));
    return true;
  }
  bool possible = version == 1 ? detail.status == TICKET_IS_AVAILABLE
                               : is_arrow(detail.previous, detail.status);
  if (!possible)
    audit_find(audit, AUDIT_HISTORY, "ticket %.*s: no way leads to its version %lld",
               BYTES_FORMAT(id), (long long)version);
  add_row(audit, audit_ticket(audit, number), &detail, (uint32_t)version, time_ms);
  return true;
}

/* ---- versions 1 to n, each once, and each from where the one before led to ---- */

static bool has_all_versions(const struct audit_ticket *ticket)
{
  if (ticket->created_rows == 0 || ticket->changes != ticket->last_version - 1) return false;
  uint64_t sum = 0;
  for (uint32_t i = 2; i <= ticket->last_version; i++) sum += audit_mix(i, 0);
  return sum == ticket->version_sum;
}

/* The states that rows come from are those that the rows before led to. */
static bool is_chain(const struct audit_ticket *ticket)
{
  if (ticket->changes == 0) return true;
  uint64_t from = audit_mix(1, TICKET_IS_AVAILABLE) + ticket->to_sum -
                  audit_mix(ticket->last_version, ticket->last_status);
  return from == ticket->from_sum;
}

bool audit_check_history(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->tickets.count; i++) {
    const struct audit_ticket *ticket = audit_ticket(audit, i);
    struct bytes id = audit_names_text(&audit->tickets, i);
    bool any = ticket->created_rows > 0 || ticket->changes > 0;
    if (!ticket->present) {
      if (any)
        audit_find(audit, AUDIT_HISTORY, "ticket %.*s has a history, but is not there",
                   BYTES_FORMAT(id));
      continue;
    }
    if (ticket->last_version != ticket->version || !any)
      audit_find(audit, AUDIT_HISTORY, "ticket %.*s has version %u, its history ends with %u",
                 BYTES_FORMAT(id), (unsigned)ticket->version, (unsigned)ticket->last_version);
    else if (!has_all_versions(ticket))
      audit_find(audit, AUDIT_HISTORY,
                 "ticket %.*s: of its versions 1 to %u some are missing or there twice",
                 BYTES_FORMAT(id), (unsigned)ticket->version);
    else if (!is_chain(ticket))
      audit_find(audit, AUDIT_HISTORY,
                 "ticket %.*s: a version does not begin where the one before it ended",
                 BYTES_FORMAT(id));
    if (ticket->last_version == ticket->version && ticket->last_status != ticket->status)
      audit_find(audit, AUDIT_HISTORY, "ticket %.*s is %.*s, its history says %.*s",
                 BYTES_FORMAT(id), BYTES_FORMAT(audit_ticket_statuses[ticket->status]),
                 BYTES_FORMAT(audit_ticket_statuses[ticket->last_status]));
  }
  return true;
}
