/*
 * TLS clients that begin anew for every request: connect, a full handshake (no session is kept, so
 * none can be resumed), GET /hello with `Connection: close`, read to the end.
 */
#ifndef TACOS_BENCH_HANDSHAKES_H
#define TACOS_BENCH_HANDSHAKES_H

#include <stdint.h>

/* With `clients` at a time, for some seconds: how many were answered per second. */
double handshakes_run(uint16_t port, int clients, int seconds, uint64_t *count);

#endif
