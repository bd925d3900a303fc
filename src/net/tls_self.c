/*
 * A certificate that this server makes for itself, so that HTTPS can be tried on one machine.
 *
 *     <directory>/tls-self.pem   private key and certificate in one file, mode 0600
 *
 * One file, so that the two cannot be of different pairs whatever is interrupted: it is written
 * under another name, synced, and renamed. It is ours when the certificate has our common name and
 * was signed by its own key.
 */
#include "base/check.h"
#include "net/tls_parts.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define COMMON_NAME "Traffic Tacos local"

enum {
  SERIAL_BYTES = 16, /* RFC 5280 4.1.2.2: at most 20, positive */
  DAY_SECONDS = 24 * 60 * 60,
  EARLY_SECONDS = 60 * 60, /* valid this long already, for clients whose clock is behind */
};

static const struct {
  int kind;
  const char *value;
} EXTENSIONS[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
    {NID_subject_key_identifier, "hash"},
};

static bool add_extensions(X509 *certificate)
{
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  for (size_t i = 0; i < sizeof EXTENSIONS / sizeof EXTENSIONS[0]; i++) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, EXTENSIONS[i].kind,
                                                    EXTENSIONS[i].value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    if (!added) return false;
  }
  return true;
}

static bool set_serial(struct world *world, X509 *certificate)
{
  uint8_t serial[SERIAL_BYTES];
  world_entropy(world, serial, sizeof serial);
  serial[0] = (uint8_t)((serial[0] & 0x3F) | 0x40); /* positive, and of full length */
  BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
  bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return set;
}

static bool fill_certificate(struct world *world, X509 *certificate, EVP_PKEY *key)
{
  time_t from = (time_t)(world_clock_ms(world) / 1000) - EARLY_SECONDS;
  X509_NAME *name = X509_get_subject_name(certificate);
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(world, certificate) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), from) != NULL &&
         ASN1_TIME_set(X509_getm_notAfter(certificate),
                       from + (time_t)TLS_SELF_DAYS * DAY_SECONDS) != NULL &&
         X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                                    (const unsigned char *)COMMON_NAME, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_extensions(certificate) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

/* Key and certificate as PEM, the key first so that `head` shows that the file is secret. */
static BIO *make_text(struct world *world)
{
  BIO *text = BIO_new(BIO_s_mem());
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  bool made = text != NULL && key != NULL && certificate != NULL &&
              fill_certificate(world, certificate, key) &&
              PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              PEM_write_bio_X509(text, certificate) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (made) return text;
  BIO_free(text);
  return NULL;
}

static int write_file(struct world *world, const char *path, const void *text, size_t size)
{
  const struct world_operations *operations = world->operations;
  int flags = WORLD_OPEN_WRITE | WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE;
  int file = operations->file_open(world, path, flags);
  if (file < 0) return file;
  int status = operations->file_write(world, file, text, size, 0);
  if (status == 0) status = operations->file_sync(world, file);
  operations->file_close(world, file);
  return status;
}

static bool make_file(struct world *world, const char *directory, const char *path,
                      struct error *error)
{
  const struct world_operations *operations = world->operations;
  char new_path[TLS_SELF_PATH_BYTES + sizeof ".new"];
  CHECK(snprintf(new_path, sizeof new_path, "%s.new", path) < (int)sizeof new_path);
  ERR_clear_error();
  BIO *text = make_text(world);
  if (text == NULL)
    return error_set(error, ERROR_NO_MEMORY, "cannot make a certificate: %s", tls_take_reason());
  char *data = NULL;
  long size = BIO_get_mem_data(text, &data);
  CHECK_THAT(size, >, 0);
  operations->file_remove(world, new_path); /* of an attempt that was interrupted */
  int status = write_file(world, new_path, data, (size_t)size);
  BIO_free(text); /* wipes it */
  if (status == 0) status = operations->file_rename(world, new_path, path);
  if (status == 0) status = operations->dir_sync(world, directory);
  if (status == 0) return true;
  operations->file_remove(world, new_path);
  return error_set_errno(error, -status, "cannot write %s", path);
}

static bool is_ours(const struct tls_credentials *credentials,
                    const struct tls_certificate *certificate)
{
  bool ours = strcmp(certificate->subject, COMMON_NAME) == 0 &&
              X509_verify(credentials->certificate, credentials->key) == 1;
  ERR_clear_error();
  return ours;
}

bool tls_self_prepare(struct world *world, const char *directory, char path[TLS_SELF_PATH_BYTES],
                      struct error *error)
{
  int length = snprintf(path, TLS_SELF_PATH_BYTES, "%s/tls-self.pem", directory);
  if (length < 0 || length >= TLS_SELF_PATH_BYTES)
    return error_set(error, ERROR_LIMIT, "the path of the directory is too long for tls-self.pem");
  int status = world->operations->dir_make(world, directory);
  if (status != 0 && status != -EEXIST)
    return error_set_errno(error, -status, "cannot make the directory %s", directory);
  struct tls_credentials credentials;
  if (!tls_credentials_read(world, path, path, &credentials, error)) {
    if (error->os_errno == ENOENT) return make_file(world, directory, path, error);
    if (error->os_errno != 0 || error->code == ERROR_NO_MEMORY) return false;
    return error_set(error, error->code, "%s. It is kept: repair it, or move it away for a new one",
                     error->message);
  }
  struct tls_certificate certificate;
  tls_credentials_describe(&credentials, world_clock_ms(world), &certificate);
  bool ours = is_ours(&credentials, &certificate);
  tls_credentials_free(&credentials);
  if (!ours)
    return error_set(error, ERROR_EXISTS,
                     "%s was not made by this server and is not overwritten: move it away, or name "
                     "it as certificate and key",
                     path);
  int64_t left_ms = certificate.not_after_ms - world_clock_ms(world);
  if (left_ms >= INT64_C(1000) * DAY_SECONDS * TLS_SELF_DAYS_LEFT) return true;
  return make_file(world, directory, path, error);
}
