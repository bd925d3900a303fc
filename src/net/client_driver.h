/*
 * The outgoing client (client.h) on a loop (loop.h): its descriptors are watched beside the
 * server's, and one timer serves it.
 *
 * The driver is the caller's and stays where it is until it is closed. One thread, the loop's.
 */
#ifndef TACOS_NET_CLIENT_DRIVER_H
#define TACOS_NET_CLIENT_DRIVER_H

#include "net/client.h"
#include "net/loop.h"

struct client_watch; /* client_driver.c */

struct client_driver {
  struct loop *loop;
  struct memory *memory;
  struct client *client; /* for client_send and client_cancel */
  struct client_watch *watches;
  struct client_watch *unused; /* kept: the same wait may still have reported one */
  struct loop_timer timer;
};

/* Memory and time are those of the loop's world. False with *error as client_new's. */
bool client_driver_open(struct client_driver *driver, struct loop *loop,
                        const struct client_options *options, struct error *error);

/* Cancels what is under way. */
void client_driver_close(struct client_driver *driver);

#endif
