/*
 * The TLS that go-plugin calls AutoMTLS: both sides make a certificate for one connection, hand it
 * to the other (ours on standard output, Terraform's in the environment) and accept nothing else.
 */
#ifndef TACOS_PROVIDER_TLS_H
#define TACOS_PROVIDER_TLS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#include <openssl/ssl.h>

/*
 * A server context with a fresh certificate that asks for `client_pem` and no other. Puts our
 * certificate, in base64 without padding of its DER, into *certificate. NULL on error.
 */
SSL_CTX *tls_server_context(struct bytes client_pem, struct arena *arena, struct bytes *certificate,
                            struct error *error);

#endif
