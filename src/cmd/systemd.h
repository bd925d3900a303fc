/*
 * What systemd agrees with a service (sd_listen_fds(3), sd_notify(3)), without its library: sockets
 * that were opened for us, and word of how far we are.
 *
 * The main thread, before and while it serves.
 */
#ifndef TACOS_CMD_SYSTEMD_H
#define TACOS_CMD_SYSTEMD_H

#include "base/error.h"

/*
 * The listening socket named so (LISTEN_FDNAMES), or -1. Of sockets without names the first is
 * "http" and the second "operations". Each is non-blocking and closed on exec from here
 * on; a child is told by LISTEN_PID that they were not for it.
 */
int systemd_socket(const char *name);

/*
 * Says "READY=1", "STOPPING=1", ... to NOTIFY_SOCKET, if there is one. False when it cannot be
 * told, which is no reason to stop.
 */
bool systemd_notify(const char *state, struct error *error);

#endif
