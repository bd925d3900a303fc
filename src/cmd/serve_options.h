/*
 * The options of `tacos serve` as the door takes them: addresses, numbers and lists parsed and
 * checked before anything is opened.
 */
#ifndef TACOS_CMD_SERVE_OPTIONS_H
#define TACOS_CMD_SERVE_OPTIONS_H

#include "cmd/options.h"
#include "net/server.h"
#include "shield/rate.h"

struct serve_options {
  struct world_address http;
  struct world_address operations;
  uint32_t reactors;
  struct net_limits limits;
  struct cors cors;
  struct trusted_proxies proxies;
  bool tls_self;
  const char *tls_certificate; /* NULL: none */
  const char *tls_key;
  const char *web_directory;                      /* NULL: none */
  const char *jwks_file;                          /* NULL: none */
  bool limits_address, limits_user, limits_joins; /* whether the rates below were given */
  uint32_t address_rate, user_rate;               /* requests a second; 0: no limit */
  uint32_t join_rate;                             /* a minute */
  uint32_t room_capacity;                         /* places of one waiting room */
  uint32_t memory_ready_mib;                      /* of the store's heap, resident at the start */
  uint32_t payment_delay_ms;
  const char *payment_provider; /* NULL: the simulator */
  const char *payment_secret_file;
  const char *notification_url; /* NULL: where notifications go stays as it is */
};

/* The rows of the rate limits with the operator's numbers. */
void serve_options_limit(const struct serve_options *options, struct rate_row rows[RATE_KINDS]);

/* False with ERROR_INVALID, which names the option and what it takes. */
bool serve_options_parse(const struct arguments *arguments, struct serve_options *options,
                         struct error *error);

/* "127.0.0.1:8000" or "[::1]:8000". False with ERROR_INVALID. */
bool serve_options_address(const char *text, struct world_address *address, struct error *error);

#endif
