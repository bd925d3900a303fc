#include "cmd/serve_options.h"

#include "bus/limits.h"
#include "net/address.h"
#include "room/limits.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  PORT_MAX = 65535,
  CONNECTIONS_MAX = 10000000,
  DRAIN_SECONDS_MAX = 3600,
  MS_PER_S = 1000,
  SECONDS_PER_MINUTE = 60,
  PAYMENT_DELAY_MS_MAX = 3600000,
  MEMORY_READY_MIB_MAX = 1 << 24
};

/* Decimal digits up to a maximum; false otherwise. */
static bool number_of(struct bytes text, uint32_t maximum, uint32_t *number)
{
  uint64_t value = 0;
  if (text.size == 0 || text.size > 10) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    value = value * 10 + (uint64_t)(text.data[i] - '0');
  }
  if (value > maximum) return false;
  *number = (uint32_t)value;
  return true;
}

bool serve_options_address(const char *text, struct world_address *address, struct error *error)
{
  const char *colon = strrchr(text, ':');
  uint32_t port = 0;
  if (colon == NULL || !number_of(bytes_of_text(colon + 1), PORT_MAX, &port))
    return error_set(error, ERROR_INVALID,
                     "'%s' is no address with port: write it like 127.0.0.1:8000 or [::1]:8000",
                     text);
  struct bytes host = bytes_of(text, (size_t)(colon - text));
  bool bracketed = host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
  if (bracketed) host = bytes_of(host.data + 1, host.size - 2);
  struct address parsed;
  bool valid = address_parse(host, &parsed);
  if (!valid || bracketed == (memchr(host.data, ':', host.size) == NULL))
    return error_set(error, ERROR_INVALID,
                     "'%s' has no numeric address: write it like 127.0.0.1:8000 or [::1]:8000",
                     text);
  memset(address, 0, sizeof *address);
  memcpy(address->host, host.data, host.size);
  address->port = (uint16_t)port;
  return true;
}

static bool take_number(const struct arguments *arguments, enum option option, uint32_t maximum,
                        uint32_t *number, struct error *error)
{
  const char *text = arguments->options[option];
  if (text == NULL || number_of(bytes_of_text(text), maximum, number)) return true;
  return error_set(error, ERROR_INVALID, "--%s '%s' is no number from 0 to %u",
                   OPTIONS[option].name, text, maximum);
}

static bool take_address(const struct arguments *arguments, enum option option,
                         struct world_address *address, struct error *error)
{
  if (serve_options_address(arguments->options[option], address, error)) return true;
  return error_set(error, ERROR_INVALID, "--%s: %s", OPTIONS[option].name, error->message);
}

static bool take_tls(const struct arguments *arguments, struct serve_options *options,
                     struct error *error)
{
  const char *kind = arguments->options[OPTION_TLS];
  options->tls_certificate = arguments->options[OPTION_TLS_CERT];
  options->tls_key = arguments->options[OPTION_TLS_KEY];
  if (kind != NULL && strcmp(kind, "self") != 0)
    return error_set(error, ERROR_INVALID,
                     "--tls '%s' is unknown: 'self', or give --tls-cert and --tls-key", kind);
  options->tls_self = kind != NULL;
  if ((options->tls_certificate == NULL) != (options->tls_key == NULL))
    return error_set(error, ERROR_INVALID, "--tls-cert and --tls-key go together");
  if (options->tls_self && options->tls_certificate != NULL)
    return error_set(error, ERROR_INVALID, "give --tls self or --tls-cert, not both");
  return true;
}

static bool take_lists(const struct arguments *arguments, struct serve_options *options,
                       struct error *error)
{
  const char *origins = arguments->options[OPTION_CORS_ORIGINS];
  const char *proxies = arguments->options[OPTION_TRUSTED_PROXIES];
  if (!cors_parse(&options->cors, bytes_of_text(origins == NULL ? "" : origins), error))
    return error_set(error, ERROR_INVALID, "--cors-origins: %s", error->message);
  if (!trusted_proxies_parse(&options->proxies, bytes_of_text(proxies == NULL ? "" : proxies),
                             error))
    return error_set(error, ERROR_INVALID, "--trusted-proxies: %s", error->message);
  return true;
}

/* Three seconds' worth may come at once: pages fetch what they need together. */
static void set_rate(struct rate_row *row, uint32_t rate)
{
  enum { BURST_SECONDS = 3 };
  row->requests = rate;
  row->seconds = 1;
  if (rate > 0)
    row->burst = rate < RATE_BURST_MAX / BURST_SECONDS ? BURST_SECONDS * rate : RATE_BURST_MAX;
}

void serve_options_limit(const struct serve_options *options, struct rate_row rows[RATE_KINDS])
{
  if (options->limits_address) set_rate(&rows[RATE_API_ADDRESS], options->address_rate);
  if (options->limits_user) set_rate(&rows[RATE_API_USER], options->user_rate);
  if (!options->limits_joins) return;
  struct rate_row *joins = &rows[RATE_JOIN_ADDRESS];
  joins->requests = options->join_rate;
  joins->seconds = SECONDS_PER_MINUTE;
  if (options->join_rate > 0) joins->burst = options->join_rate;
}

static bool take_capacity(const struct arguments *arguments, struct serve_options *options,
                          struct error *error)
{
  if (!take_number(arguments, OPTION_ROOM_CAPACITY, ROOM_CAPACITY_MAX, &options->room_capacity,
                   error))
    return false;
  if (options->room_capacity >= ROOM_CAPACITY_MIN) return true;
  return error_set(error, ERROR_INVALID, "--room-capacity: a queue has at least %d places",
                   ROOM_CAPACITY_MIN);
}

static bool take_rates(const struct arguments *arguments, struct serve_options *options,
                       struct error *error)
{
  options->limits_address = arguments->options[OPTION_ADDRESS_RATE] != NULL;
  options->limits_user = arguments->options[OPTION_USER_RATE] != NULL;
  options->limits_joins = arguments->options[OPTION_JOIN_RATE] != NULL;
  return take_number(arguments, OPTION_ADDRESS_RATE, RATE_REQUESTS_MAX, &options->address_rate,
                     error) &&
         take_number(arguments, OPTION_USER_RATE, RATE_REQUESTS_MAX, &options->user_rate, error) &&
         take_number(arguments, OPTION_JOIN_RATE, RATE_REQUESTS_MAX, &options->join_rate, error) &&
         take_capacity(arguments, options, error) &&
         take_number(arguments, OPTION_PAYMENT_DELAY, PAYMENT_DELAY_MS_MAX,
                     &options->payment_delay_ms, error);
}

static bool take_provider(const struct arguments *arguments, struct serve_options *options,
                          struct error *error)
{
  options->payment_provider = arguments->options[OPTION_PAYMENT_PROVIDER];
  options->payment_secret_file = arguments->options[OPTION_PAYMENT_SECRET_FILE];
  if ((options->payment_provider == NULL) == (options->payment_secret_file == NULL)) return true;
  return error_set(error, ERROR_INVALID,
                   "--payment-provider and --payment-secret-file go together");
}

/* What does not fit would not be refused by the kernel: it would end some process. */
static bool take_memory(const struct arguments *arguments, struct serve_options *options,
                        struct error *error)
{
  uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t most_mib = memory / 4 * 3 >> 20;
  uint32_t *mib = &options->memory_ready_mib;
  if (!take_number(arguments, OPTION_MEMORY_READY, MEMORY_READY_MIB_MAX, mib, error)) return false;
  if (*mib <= most_mib) return true;
  return error_set(error, ERROR_INVALID,
                   "--memory-ready: three quarters of this machine's memory are %llu MiB",
                   (unsigned long long)most_mib);
}

/* "http://host" or "https://host", and what may follow; no user, whose password would be shown. */
static bool is_web_url(struct bytes url)
{
  struct bytes scheme = BYTES("http://");
  if (!bytes_starts_with(url, scheme)) scheme = BYTES("https://");
  if (!bytes_starts_with(url, scheme) || url.size > BUS_URL_MAX) return false;
  for (size_t i = 0; i < url.size; i++)
    if (url.data[i] <= ' ' || url.data[i] >= 0x7F) return false;
  size_t end = scheme.size;
  while (end < url.size && memchr("/?#", url.data[end], 3) == NULL) end++;
  struct bytes host = bytes_of(url.data + scheme.size, end - scheme.size);
  return host.size > 0 && host.data[0] != ':' && memchr(host.data, '@', host.size) == NULL;
}

static bool take_notifications(const struct arguments *arguments, struct serve_options *options,
                               struct error *error)
{
  const char *url = arguments->options[OPTION_NOTIFICATION_URL];
  options->notification_url = url;
  if (url == NULL || is_web_url(bytes_of_text(url))) return true;
  return error_set(error, ERROR_INVALID,
                   "--notification-url '%s' is no URL for webhooks: write it like "
                   "https://mail.example/tacos",
                   url);
}

bool serve_options_parse(const struct arguments *arguments, struct serve_options *options,
                         struct error *error)
{
  *options = (struct serve_options){.limits = net_limits_default()};
  uint32_t drain_s = options->limits.drain_ms / MS_PER_S;
  options->web_directory = arguments->options[OPTION_WEB_DIR];
  options->jwks_file = arguments->options[OPTION_JWKS];
  if (!take_address(arguments, OPTION_LISTEN, &options->http, error) ||
      !take_address(arguments, OPTION_OPERATIONS_LISTEN, &options->operations, error) ||
      !take_number(arguments, OPTION_REACTORS, SERVER_REACTORS_MAX, &options->reactors, error) ||
      !take_number(arguments, OPTION_CONNECTIONS, CONNECTIONS_MAX, &options->limits.connections,
                   error) ||
      !take_number(arguments, OPTION_CONNECTIONS_PER_ADDRESS, CONNECTIONS_MAX,
                   &options->limits.connections_per_address, error) ||
      !take_number(arguments, OPTION_DRAIN_SECONDS, DRAIN_SECONDS_MAX, &drain_s, error) ||
      !take_rates(arguments, options, error) || !take_provider(arguments, options, error) ||
      !take_notifications(arguments, options, error) || !take_tls(arguments, options, error) ||
      !take_lists(arguments, options, error) || !take_memory(arguments, options, error))
    return false;
  options->limits.drain_ms = drain_s * MS_PER_S;
  return true;
}
