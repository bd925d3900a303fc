/*
 * What the fields of an account may be, and what is said when they are not.
 *
 * Pure functions, any thread; details are written to the caller's buffer.
 */
#ifndef TACOS_SHIELD_USER_FIELDS_H
#define TACOS_SHIELD_USER_FIELDS_H

#include "shield/users.h"

/* 3 to 20 letters and digits of ASCII. */
bool user_name_is_valid(struct bytes username);

/* Writes it in lower case; its size is at most USER_NAME_BYTES_MAX. */
struct bytes user_name_fold(struct bytes username, uint8_t to[USER_NAME_BYTES_MAX]);

/* local@domain: dot-strings of ASCII without quotes (RFC 5321 4.1.2), a domain of two labels. */
bool user_email_is_valid(struct bytes email);

/* 1 to 50 characters, no control characters, no space at either end. */
bool user_display_name_is_valid(struct bytes name);

/*
 * Appends {"field":"what it must be", ...} for the fields that are wrong, and nothing when all are
 * right. False when one is wrong.
 */
bool user_fields_check(const struct user_registration *registration, struct buffer *details);

#endif
