/*
 * A server over the simulated network, and clients of it, in virtual time: what tests of the door
 * share.
 *
 *     server_fixture_open(&fixture, &options);            NULL: as usual
 *     struct net_client *client = server_fixture_connect(&fixture);
 *     server_fixture_send(&fixture, client, BYTES("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"));
 *     server_fixture_run(&fixture, 10);
 *     server_fixture_expect(&fixture, client, 200, BYTES("hello"));
 *     server_fixture_close(&fixture);                     nothing has leaked
 *
 * The routes are those of sim/net_app.h, at two endpoints: the second stays in a drain. The network
 * is smooth unless a test changes world_sim_settings. One thread.
 */
#ifndef TACOS_UNIT_NET_SERVER_FIXTURE_H
#define TACOS_UNIT_NET_SERVER_FIXTURE_H

#include "net/reactor.h"
#include "sim/net_app.h"
#include "sim/net_client.h"
#include "sim/world_sim.h"

enum {
  SERVER_FIXTURE_CLIENTS = 512,
  SERVER_FIXTURE_TEXT_BYTES = 4096,
};

struct server_fixture_options {
  uint64_t seed;
  struct net_limits limits;
  struct cors *cors;
  struct trusted_proxies *proxies;
  route_handler *fallback; /* of the first endpoint */
  struct tls *tls;         /* of the first endpoint; NULL: in clear */
};

struct server_fixture {
  struct world_sim *sim;
  struct world *world;
  struct loop loop;
  struct net_app app;
  struct server *server;
  uint64_t durable; /* what server_release is told */
  struct memory client_memory;
  uint32_t client_count;
  struct net_client *clients[SERVER_FIXTURE_CLIENTS];
};

/* The limits of tests, with which nothing ends in a second or two. */
struct server_fixture_options server_fixture_defaults(void);

void server_fixture_open(struct server_fixture *fixture,
                         const struct server_fixture_options *options);

/* The same, but it may fail for want of memory: then there is no server, and nothing leaked. */
bool server_fixture_try(struct server_fixture *fixture,
                        const struct server_fixture_options *options, uint64_t fail_at);

/* Lets go of what is held, closes everything, and looks whether anything leaked. */
void server_fixture_close(struct server_fixture *fixture);

/* A new client, connected; `endpoint` 0 or 1. */
struct net_client *server_fixture_connect_to(struct server_fixture *fixture, size_t endpoint);
struct net_client *server_fixture_connect(struct server_fixture *fixture);

/* Turns of the server and reads of all clients, for so long in virtual time. */
void server_fixture_run(struct server_fixture *fixture, int64_t ms);

/* Sends all of it, running as long as the network does not take it. */
void server_fixture_send(struct server_fixture *fixture, struct net_client *client,
                         struct bytes bytes);
void server_fixture_send_text(struct server_fixture *fixture, struct net_client *client,
                              const char *text);

/* Takes the next reply, which must be here, and must have this status. */
void server_fixture_take(struct server_fixture *fixture, struct net_client *client, uint16_t status,
                         struct net_reply *reply);
void server_fixture_expect(struct server_fixture *fixture, struct net_client *client,
                           uint16_t status, struct bytes body);
/* The reply to a HEAD. */
void server_fixture_expect_head(struct server_fixture *fixture, struct net_client *client,
                                uint16_t status);
/* A refusal: the contract's error body with this code; and whether the connection is to end. */
void server_fixture_expect_error(struct server_fixture *fixture, struct net_client *client,
                                 uint16_t status, const char *code, bool close);

/* Runs for so long, then nothing has come. */
void server_fixture_expect_silence(struct server_fixture *fixture, struct net_client *client,
                                   int64_t ms);

/* The server has ended the connection in good order, and all it said was taken. */
void server_fixture_expect_end(struct server_fixture *fixture, struct net_client *client);

struct reactor *server_fixture_reactor(struct server_fixture *fixture);
uint64_t server_fixture_refused(struct server_fixture *fixture, enum refusal refusal);

#endif
