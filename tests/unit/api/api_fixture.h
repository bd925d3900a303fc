/*
 * For tests of the REST API: the whole of it over the event of sale_fixture, in the simulated
 * world, and short ways to ask.
 *
 *     api_fixture_as(api, "alice", ROLE_USER);
 *     api_fixture_post(api, 201, "/api/v1/reservations", "{'event_id':'evt','quantity':2}");
 *     const char *id = api_fixture_text(api, "reservation_id");
 *
 * Bodies are written with ' for ". Each POST and PATCH has a key of its own unless a test gives
 * one. The law of sale_fixture_check is looked at when a test ends.
 */
#ifndef TACOS_TESTS_UNIT_API_API_FIXTURE_H
#define TACOS_TESTS_UNIT_API_API_FIXTURE_H

#include "api/api.h"
#include "sale/provider.h"
#include "sim/net_client.h"
#include "unit/sale/sale_fixture.h"

enum {
  API_FIXTURE_TOKEN_BYTES = 2048,
  API_FIXTURE_PLACES = 8, /* of a waiting room */
};

struct api_fixture {
  struct sale_fixture *sale;
  struct loop loop;
  struct ticket_signer signer;
  struct ticket_keys keys;
  struct api api;
  struct lobby *lobby;
  struct server *server;
  struct provider_simulator *simulator;
  struct provider *provider;
  struct net_client client;
  struct net_reply reply;              /* the last one */
  char token[API_FIXTURE_TOKEN_BYTES]; /* empty: nobody */
  const char *key;                     /* of the next requests; NULL: a new one for each */
  const char *headers;                 /* further ones of the next request, with CRLF */
  uint32_t keys_drawn;
  uint64_t fail_at;          /* allocation of the engine that fails in the next request; 0: none */
  uint64_t exchange_fail_at; /* the same of the exchange's own memory */
  bool held;                 /* nothing becomes durable meanwhile */
  bool resting;              /* no api_tick meanwhile */
  char *text;                /* of api_fixture_text */
};

int api_fixture_setup(void **state);
int api_fixture_teardown(void **state);

/* Who asks from now on; NULL: nobody. */
void api_fixture_as(struct api_fixture *fixture, const char *user, enum identity_role role);

/* Turns of the engine for so long. */
void api_fixture_run(struct api_fixture *fixture, int64_t ms);

/* Sends without waiting for the reply: on `client`, which is opened for it. */
void api_fixture_send(struct api_fixture *fixture, struct net_client *client, const char *method,
                      const char *path, const char *body);
/* Whether a whole reply is here; it is fixture->reply then. */
bool api_fixture_receive(struct api_fixture *fixture, struct net_client *client);

/* One request on a connection of its own, and its reply, which has this status. */
void api_fixture_ask(struct api_fixture *fixture, uint16_t status, const char *method,
                     const char *path, const char *body);
void api_fixture_get(struct api_fixture *fixture, uint16_t status, const char *path);
void api_fixture_post(struct api_fixture *fixture, uint16_t status, const char *path,
                      const char *body);
/* A refusal with this code. */
void api_fixture_refused(struct api_fixture *fixture, uint16_t status, const char *code,
                         const char *method, const char *path, const char *body);

/* Whether the last body has this, with ' for ". */
bool api_fixture_has(struct api_fixture *fixture, const char *text);
/* The first string of that name in the last body; lives until the next test. */
const char *api_fixture_text(struct api_fixture *fixture, const char *name);
/* A header of the last reply is this; NULL: it is not there. */
void api_fixture_expect_header(struct api_fixture *fixture, const char *name, const char *value);

/* As the user that asks: a reservation of seats ('A-1-1','A-1-2'), an approved payment of it, its
   order. The ids, as api_fixture_text. */
const char *api_fixture_reserve(struct api_fixture *fixture, const char *seats);
const char *api_fixture_pay(struct api_fixture *fixture, const char *reservation, int64_t amount);
const char *api_fixture_confirm(struct api_fixture *fixture, const char *reservation);

/*
 * Sets the room of the event as an organiser ("'mode':'waiting'"); joins it, enters it, with the
 * tokens as api_fixture_text. Who asks is nobody then.
 */
void api_fixture_room(struct api_fixture *fixture, const char *settings);
const char *api_fixture_join(struct api_fixture *fixture);
const char *api_fixture_enter(struct api_fixture *fixture, const char *token);

#define WITH_API(test) \
  cmocka_unit_test_setup_teardown(test, api_fixture_setup, api_fixture_teardown)

#endif
