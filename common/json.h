/* Strict JSON in (over cJSON) and a writer of our own out. cJSON cuts strings at U+0000, accepts trailing bytes and
 * duplicate keys; json_parse refuses them all, so what it returns can be trusted field by field. */
#ifndef SENTINEL_JSON_H
#define SENTINEL_JSON_H

#include "buf.h"
#include "err.h"

#include <cjson/cJSON.h>

enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 400000 };

/* Parse all of `text`. *ret_root is freed with cJSON_Delete. Errors: EBADMSG (malformed, trailing bytes, too deep,
 * not UTF-8: the message has line and byte; a duplicate key: it has the key), EINVAL with the field (a string holds
 * U+0000). */
int json_parse(const char *text, size_t len, cJSON **ret_root, struct err *err) MUST_USE;

/* An object written field by field. Keys are literals and not escaped. Commas are put where they belong. */
struct json_writer {
    struct buf buf;
    bool comma; /* a value stands before: the next one wants a comma */
};

void json_open(struct json_writer *w, const char *key, char bracket);         /* '{' or '['; key NULL inside an array */
void json_close(struct json_writer *w, char bracket);                         /* '}' or ']' */
void json_put_str(struct json_writer *w, const char *key, const char *value); /* NULL is written as null */
/* Any bytes as a JSON string: controls and NUL are escaped, each invalid UTF-8 byte becomes U+FFFD.
 * Returns whether something was replaced. */
bool json_put_bytes(struct json_writer *w, const char *key, const char *data, size_t len);
void json_put_base64(struct json_writer *w, const char *key, const void *data, size_t len);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_double(struct json_writer *w, const char *key, double value); /* shortest form that reads back */
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
void json_put_raw(struct json_writer *w, const char *key, const char *json, size_t len); /* already valid JSON */

/* Whether the bytes are UTF-8 (no surrogates, nothing overlong, up to U+10FFFF). */
bool utf8_valid(const char *data, size_t len);
/* Of the valid sequence at `data`, where `left` bytes are: 1 to 4; 0: there is none. */
size_t utf8_length(const char *data, size_t left);

/* *ret_data (free it; a NUL is added behind) and *ret_len from base64 with padding. EINVAL when it is none. */
int base64_decode(const char *text, size_t len, char **ret_data, size_t *ret_len) MUST_USE;

#endif
