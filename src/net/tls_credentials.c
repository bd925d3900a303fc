#include "base/instant.h"
#include "net/tls_parts.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/* A file in memory. */
struct file_text {
  uint8_t *data;
  size_t size;
};

const char *tls_take_reason(void)
{
  unsigned long code = ERR_peek_error();
  const char *reason = ERR_SYSTEM_ERROR(code) ? strerrordesc_np((int)ERR_GET_REASON(code))
                                              : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason != NULL ? reason : "unknown reason";
}

/* Group access is left to the owner: Debian's keys are 0640 of group ssl-cert. */
static bool check_key_mode(int file, const char *path, struct error *error)
{
  struct stat status;
  if (fstat(file, &status) != 0) return error_set_errno(error, errno, "cannot look at %s", path);
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) == 0) return true;
  return error_set(error, ERROR_KEY,
                   "the key file %s has mode %04o, others can read or change it: run chmod 600 %s",
                   path, status.st_mode & ALLPERMS, path);
}

static bool read_open_file(struct world *world, int file, const char *path, struct file_text *text,
                           struct error *error)
{
  int64_t size = world->operations->file_size(world, file);
  if (size < 0) return error_set_errno(error, (int)-size, "cannot look at %s", path);
  if (size == 0) return error_set(error, ERROR_INVALID, "%s is empty", path);
  if (size > TLS_FILE_BYTES)
    return error_set(error, ERROR_LIMIT, "%s is larger than %d bytes: not a PEM file for TLS", path,
                     TLS_FILE_BYTES);
  text->data = memory_alloc(&world->memory, (size_t)size);
  if (text->data == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory to read %s", path);
  text->size = (size_t)size;
  int64_t got = world->operations->file_read(world, file, text->data, text->size, 0);
  if (got < 0) return error_set_errno(error, (int)-got, "cannot read %s", path);
  if (got < size) return error_set(error, ERROR_IO, "%s became shorter: try again", path);
  return true;
}

static void forget_text(struct world *world, struct file_text *text)
{
  if (text->data != NULL) explicit_bzero(text->data, text->size);
  memory_free(&world->memory, text->data, text->size);
  *text = (struct file_text){0};
}

static bool read_file(struct world *world, const char *path, bool is_key, struct file_text *text,
                      struct error *error)
{
  *text = (struct file_text){0};
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0)
    return error_set_errno(error, -file, "cannot open the %s file %s",
                           is_key ? "key" : "certificate", path);
  bool read = (!is_key || check_key_mode(file, path, error)) &&
              read_open_file(world, file, path, text, error);
  world->operations->file_close(world, file);
  if (!read) forget_text(world, text);
  return read;
}

/* The end of a PEM file is an error to OpenSSL: this one. */
static bool at_end_of_pem(void)
{
  unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static bool parse_certificates(BIO *bio, const char *path, struct tls_credentials *to,
                               struct error *error)
{
  to->chain = sk_X509_new_null();
  if (to->chain == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory to read %s", path);
  for (int number = 1;; number++) {
    ERR_clear_error();
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (certificate == NULL) {
      if (number > 1 && at_end_of_pem()) return true;
      if (at_end_of_pem())
        return error_set(error, ERROR_INVALID,
                         "%s has no certificate: expected is PEM, -----BEGIN CERTIFICATE-----",
                         path);
      return error_set(error, ERROR_INVALID, "certificate %d of %s cannot be read: %s", number,
                       path, tls_take_reason());
    }
    if (number == 1) {
      to->certificate = certificate;
    } else if (sk_X509_push(to->chain, certificate) == 0) {
      X509_free(certificate);
      return error_set(error, ERROR_NO_MEMORY, "no memory to read %s", path);
    }
  }
}

/* Called when a key is encrypted; without this OpenSSL would ask at the terminal. */
static int refuse_passphrase(char *to, int size, int writing, void *context)
{
  (void)to;
  (void)size;
  (void)writing;
  *(bool *)context = true;
  return -1;
}

static bool parse_key(BIO *bio, const char *path, struct tls_credentials *to, struct error *error)
{
  bool encrypted = false;
  to->key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &encrypted);
  if (to->key != NULL) return true;
  if (encrypted)
    return error_set(error, ERROR_KEY,
                     "the key %s has a passphrase: take it off with openssl pkey -in %s -out FILE",
                     path, path);
  return error_set(error, ERROR_KEY,
                   "%s has no private key: expected is PEM, -----BEGIN PRIVATE KEY----- (%s)", path,
                   tls_take_reason());
}

typedef bool parse_function(BIO *bio, const char *path, struct tls_credentials *to,
                            struct error *error);

static bool parse_file(struct world *world, const char *path, bool is_key, parse_function *parse,
                       struct tls_credentials *to, struct error *error)
{
  struct file_text text;
  if (!read_file(world, path, is_key, &text, error)) return false;
  ERR_clear_error();
  BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);
  bool parsed = bio != NULL ? parse(bio, path, to, error)
                            : error_set(error, ERROR_NO_MEMORY, "no memory to read %s", path);
  BIO_free(bio);
  forget_text(world, &text);
  ERR_clear_error();
  return parsed;
}

static bool check_pair(const struct tls_credentials *credentials, const char *certificate_file,
                       const char *key_file, struct error *error)
{
  int matches = X509_check_private_key(credentials->certificate, credentials->key);
  ERR_clear_error();
  if (matches == 1) return true;
  return error_set(error, ERROR_KEY,
                   "the key %s does not belong to the certificate %s: they must be of one pair, "
                   "the server's certificate first in its file",
                   key_file, certificate_file);
}

bool tls_credentials_read(struct world *world, const char *certificate_file, const char *key_file,
                          struct tls_credentials *credentials, struct error *error)
{
  *credentials = (struct tls_credentials){0};
  bool read = parse_file(world, certificate_file, false, parse_certificates, credentials, error) &&
              parse_file(world, key_file, true, parse_key, credentials, error) &&
              check_pair(credentials, certificate_file, key_file, error);
  if (!read) tls_credentials_free(credentials);
  return read;
}

void tls_credentials_free(struct tls_credentials *credentials)
{
  X509_free(credentials->certificate);
  sk_X509_pop_free(credentials->chain, X509_free);
  EVP_PKEY_free(credentials->key);
  *credentials = (struct tls_credentials){0};
}

/* A time that is none counts as long ago. */
static int64_t time_ms_of(const ASN1_TIME *time)
{
  struct tm fields;
  if (ASN1_TIME_to_tm(time, &fields) != 1) return 0;
  return (int64_t)timegm(&fields) * 1000;
}

/* Whether each certificate was issued by the next one. */
static bool chain_in_order(const struct tls_credentials *credentials)
{
  X509 *subject = credentials->certificate;
  for (int i = 0; i < sk_X509_num(credentials->chain); i++) {
    X509 *issuer = sk_X509_value(credentials->chain, i);
    if (X509_check_issued(issuer, subject) != X509_V_OK) return false;
    subject = issuer;
  }
  return true;
}

static void write_warning(const struct tls_credentials *credentials, int64_t now_ms,
                          struct tls_certificate *to)
{
  const char *format = NULL;
  int64_t time_ms = 0;
  if (now_ms >= to->not_after_ms) {
    format = "the certificate expired at %.*s: renew it, browsers refuse it";
    time_ms = to->not_after_ms;
  } else if (now_ms < to->not_before_ms) {
    format = "the certificate is valid from %.*s only: look at the clock, or wait";
    time_ms = to->not_before_ms;
  }
  if (format != NULL) {
    char text[INSTANT_TEXT_BYTES];
    if (time_ms < INSTANT_MIN_MS || time_ms > INSTANT_MAX_MS) time_ms = 0;
    instant_format(time_ms, text);
    (void)snprintf(to->warning, sizeof to->warning, format, INSTANT_TEXT_BYTES, text);
  } else if (!chain_in_order(credentials)) {
    (void)snprintf(to->warning, sizeof to->warning,
                   "the certificate file is out of order: the server's certificate comes first, "
                   "then the one that issued it, and so on");
  }
}

void tls_credentials_describe(const struct tls_credentials *credentials, int64_t now_ms,
                              struct tls_certificate *to)
{
  X509 *certificate = credentials->certificate;
  *to = (struct tls_certificate){
      .not_before_ms = time_ms_of(X509_get0_notBefore(certificate)),
      .not_after_ms = time_ms_of(X509_get0_notAfter(certificate)),
  };
  if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, to->subject,
                                sizeof to->subject) < 0)
    to->subject[0] = 0;
  write_warning(credentials, now_ms, to);
  ERR_clear_error();
}
