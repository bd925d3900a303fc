/*
 * The rooms of the platform over an open store: opened from the bottom up, given their turn, closed
 * from the top down.
 *
 *     secrets - queues - buses - lobby - sale - relay, workers - provider - shield, passwords, users
 *
 * Memory: the caller's struct, which may not move while it is open. Engine thread.
 */
#ifndef TACOS_CMD_ROOMS_H
#define TACOS_CMD_ROOMS_H

#include "api/api.h"
#include "bus/bus.h"
#include "cmd/serve_options.h"
#include "net/client_driver.h"
#include "sale/provider.h"
#include "sale/provider_http.h"
#include "sale/provider_simulator.h"
#include "sale/relay.h"
#include "sale/worker.h"
#include "shield/secrets.h"

struct rooms {
  struct world *world;
  struct loop *loop;
  struct logger *logger;
  struct store *store;
  const struct serve_options *options;
  struct secrets secrets;
  struct ticket_signer signer;
  struct ticket_keys ticket_keys;
  struct client_driver driver; /* outgoing HTTP: webhooks, the payment provider */
  struct queues *queues;
  struct buses *buses;
  struct lobby *lobby; /* the waiting rooms */
  struct sale *sale;
  struct relay *relay;
  struct workers workers;
  struct provider_simulator *simulator; /* one of these two */
  struct provider_http *http;
  struct provider *provider;
  struct shield *shield;
  struct jwks *jwks; /* NULL: only tokens of our own */
  struct password_pool *passwords;
  struct users *users;
  bool has_client, has_workers;
};

/* The first five members are set, the others zero. What was opened is closed by rooms_close. */
bool rooms_open(struct rooms *rooms, const char *data_directory, struct error *error);

/* Gives handlers what they work with. */
void rooms_lend(struct rooms *rooms, struct api *api);

/* Each room's share of a turn, before store_flush. True while there is more to do now. */
bool rooms_tick(struct rooms *rooms, int64_t now_ms);

/* How long the loop may sleep until one of them is due, 0 to limit_ms. */
int rooms_wait_ms(const struct rooms *rooms, int64_t now_ms, int limit_ms);

/* Reads the keys of other issuers again; false with *error, and those in use stay. */
bool rooms_read_jwks(struct rooms *rooms, struct error *error);

/* Appends their metrics. */
void rooms_write_metrics(struct rooms *rooms, struct metrics_writer *writer);

/* Ends what answers exchanges later: before the server is closed. */
void rooms_stop(struct rooms *rooms);
void rooms_close(struct rooms *rooms);

#endif
