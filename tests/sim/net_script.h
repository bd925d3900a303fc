/*
 * What a simulated client says, and what it must be told: requests made of random numbers, each
 * with the reply that follows from it.
 *
 * A script is at most one broken request long behind well-formed ones: what is broken is answered
 * with the status its first error demands, and nothing behind it is. Memory: buffers on the given
 * struct memory.
 */
#ifndef TACOS_SIM_NET_SCRIPT_H
#define TACOS_SIM_NET_SCRIPT_H

#include "base/bytes.h"
#include "sim/net_client.h"
#include "sim/random.h"

enum { NET_SCRIPT_REQUESTS_MAX = 12, NET_SCRIPT_TEXT_BYTES = 64 };

enum net_script_body {
  NET_BODY_NONE,    /* of no interest: an error body */
  NET_BODY_PATTERN, /* `size` bytes of net_app_byte */
  NET_BODY_TEXT,    /* `text` */
  NET_BODY_ECHO,    /* what lies at `offset` of the script's bodies */
};

struct net_expectation {
  uint16_t status;
  bool to_head;
  bool close;           /* the connection ends behind it */
  bool stream;          /* chunks of events follow, without end */
  bool asked;           /* those of /asked/{text} */
  bool interim_allowed; /* 100 may come before it */
  enum net_script_body body;
  size_t size;
  size_t offset;
  char text[NET_SCRIPT_TEXT_BYTES];
  size_t begins; /* where in the script its request begins, and ends */
  size_t ends;
};

struct net_script {
  struct buffer bytes;  /* all that the client says */
  struct buffer bodies; /* of /echo, as they must come back */
  uint32_t count;
  struct net_expectation expectations[NET_SCRIPT_REQUESTS_MAX];
};

void net_script_make(struct net_script *script, struct random *random, struct memory *memory);
void net_script_free(struct net_script *script);

/* Stops the process unless the reply is what was expected. */
void net_script_check(const struct net_script *script, const struct net_expectation *expectation,
                      const struct net_reply *reply);

#endif
