/*
 * A file of a static_files as the reply of an exchange. Engine thread.
 */
#ifndef TACOS_NET_STATIC_REPLY_H
#define TACOS_NET_STATIC_REPLY_H

#include "net/exchange.h"
#include "net/static_files.h"

/*
 * Replies with the file at this path ("/app.js"), whole, in part, or with 304 as the request's
 * fields say; 404 when there is none. `files` may be NULL: there are none. The request's method is
 * GET or HEAD. The reply is not sent yet.
 */
void static_reply(struct exchange *exchange, const struct static_files *files, struct bytes path);

#endif
