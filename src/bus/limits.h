/*
 * Every limit of buses: name, unit, reason. Those of the service are EventBridge's ("Amazon
 * EventBridge quotas", API reference of PutRule, PutTargets and PutEvents), so that what fits here
 * fits there; where ours are tighter or wider the reason is said.
 */
#ifndef TACOS_BUS_LIMITS_H
#define TACOS_BUS_LIMITS_H

#include "store/limits.h"

enum {
  BUSES_MAX = 100,
  BUS_NAME_MAX = 256,     /* characters */
  BUS_RULE_NAME_MAX = 64, /* characters; also of targets */
  BUS_ARCHIVE_NAME_MAX = 48,
  BUS_REPLAY_NAME_MAX = 64,
  BUS_DESCRIPTION_MAX = 512, /* bytes */
  BUS_RULES_MAX = 2000,      /* of a bus */
  BUS_TARGETS_MAX = 5,       /* of a rule */
  BUS_ARCHIVES_MAX = 8,      /* of a bus: the rows of one event fit into a transaction (below) */
  BUS_REPLAYS_MAX = 10,      /* running at one time */
  BUS_REPLAY_RULES_MAX = 16, /* that a replay names */
  BUS_URL_MAX = 2048,        /* bytes */
  BUS_RETRIES_MAX = 185,     /* of a delivery, after its first attempt */
  BUS_RETRIES = 185,
  BUS_AGE_S_MIN = 60,
  BUS_AGE_S = 86400,
  BUS_AGE_S_MAX = 3 * 86400, /* the platform's webhooks are tried for three days */
  BUS_RETENTION_DAYS_MAX = 36500,

  BUS_EVENT_ID_MAX = 128,          /* bytes; EventBridge's own have 36 */
  BUS_SOURCE_MAX = 256,            /* bytes; also of a detail-type and of a resource */
  BUS_RESOURCES_MAX = 50,          /* of an event */
  BUS_EVENT_BYTES_MAX = 256 << 10, /* of an envelope: PutEvents' limit of an entry */
  /* What a path or a template makes of an event: it and the event lie in one row of a delivery. */
  BUS_INPUT_BYTES_MAX = 128 << 10,
  BUS_TEMPLATE_MAX = 8192,
  BUS_VARIABLES_MAX = 100, /* of a template */
  BUS_VARIABLE_NAME_MAX = 256,
  BUS_PATH_MAX = 256,

  /* Of a plan, for what its maker adds beside the event: bus_put leaves so much free. */
  BUS_OWN_ACTIONS = 8,
  BUS_PLAN_BYTES = 3 << 20, /* of encoded items, with a quarter left for the maker's own */

  BUS_IN_FLIGHT_MAX = 64,      /* deliveries at a time */
  BUS_LANE_IN_FLIGHT_MAX = 16, /* of one URL, so that a slow one leaves room for others */
  BUS_SLICE_EVENTS = 32,       /* of a replay in one transaction and tick: about a millisecond */
  BUS_SLICE_ACTIONS = 64,      /* of one transaction in the background: about 50 us */
  BUS_PAGE_MAX = 100,          /* rows of a list */
};

_Static_assert((BUS_ARCHIVES_MAX + 1) * (BUS_EVENT_BYTES_MAX + 4096) <= BUS_PLAN_BYTES,
               "an event's archive rows and the row of its fan-out are one transaction");
_Static_assert(BUS_PLAN_BYTES + (1 << 20) <= TRANSACTION_SIZE_MAX, "and leave room");
_Static_assert(BUS_EVENT_BYTES_MAX + BUS_INPUT_BYTES_MAX + 8192 <= ITEM_SIZE_MAX,
               "a delivery is an item");
_Static_assert(BUS_TARGETS_MAX *(BUS_EVENT_BYTES_MAX + BUS_INPUT_BYTES_MAX + 8192) <=
                   BUS_PLAN_BYTES,
               "a rule's targets fit into a transaction");
_Static_assert(BUS_ARCHIVES_MAX + 1 + BUS_OWN_ACTIONS <= TRANSACTION_ACTIONS_MAX, "the same");

#endif
