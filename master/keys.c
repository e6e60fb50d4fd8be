/* Owns the table of digests: open addressing by the digest's first bytes, at most half full. Where a lookup goes tells
 * only about the hash of what was sent, which nobody can steer; the comparison itself is constant in time. */
#include "keys.h"
#include "buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { FILE_MAX = 8 << 20 };

struct keys {
    struct key *keys; /* in the order of the file */
    size_t count;
    size_t *slots; /* of the table: position in `keys` + 1, 0: empty */
    size_t mask;
};

static const char *const role_names[] = {[KEY_USER] = "user", [KEY_MONITOR] = "monitor", [KEY_ADMIN] = "admin"};

const char *key_role_name(enum key_role role)
{
    return role_names[role];
}

int key_role_parse(const char *name, enum key_role *ret_role)
{
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
        if (strcmp(name, role_names[i]) == 0) {
            *ret_role = (enum key_role)i;
            return 0;
        }
    return -EINVAL;
}

bool key_id_valid(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len < KEY_ID_SIZE && !strchr("_.-", id[0]) &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == len;
}

void key_token_make(char *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = (size_t)snprintf(out, KEY_TOKEN_SIZE, "sk_");
    while (n < 3 + 43) {
        unsigned char byte;
        random_bytes(&byte, 1);
        if (byte < 4 * (sizeof letters - 1)) /* else the first letters would come more often */
            out[n++] = letters[byte % (sizeof letters - 1)];
    }
    out[n] = '\0';
}

void key_digest(const char *token, unsigned char out[KEY_DIGEST_SIZE])
{
    static EVP_MD *sha256; /* fetched once: a fetch costs more than the hash */
    if (!sha256 && !(sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)))
        abort();
    if (EVP_Digest(token, strlen(token), out, NULL, sha256, NULL) != 1)
        abort();
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static size_t first_slot(const struct keys *keys, const unsigned char *digest)
{
    size_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash & keys->mask;
}

/* The slot that holds the digest, or the empty one where it belongs. */
static size_t find_slot(const struct keys *keys, const unsigned char *digest)
{
    size_t slot = first_slot(keys, digest);
    while (keys->slots[slot] && CRYPTO_memcmp(keys->keys[keys->slots[slot] - 1].digest, digest, KEY_DIGEST_SIZE) != 0)
        slot = (slot + 1) & keys->mask;
    return slot;
}

const struct key *keys_find(const struct keys *keys, const char *token)
{
    unsigned char digest[KEY_DIGEST_SIZE];
    if (strnlen(token, KEY_TOKEN_MAX + 1) > KEY_TOKEN_MAX || keys->count == 0)
        return NULL;
    key_digest(token, digest);
    size_t at = keys->slots[find_slot(keys, digest)];
    return at ? &keys->keys[at - 1] : NULL;
}

static int build_table(struct keys *keys, struct err *err)
{
    size_t size = 2;
    while (size < 2 * keys->count)
        size *= 2;
    keys->mask = size - 1;
    keys->slots = xcalloc(size, sizeof *keys->slots);
    for (size_t i = 0; i < keys->count; i++) {
        size_t slot = find_slot(keys, keys->keys[i].digest);
        if (keys->slots[slot])
            return err_set(err, EINVAL, "keys \"%s\" and \"%s\" have the same digest",
                           keys->keys[keys->slots[slot] - 1].id, keys->keys[i].id);
        keys->slots[slot] = i + 1;
    }
    return 0;
}

size_t keys_count(const struct keys *keys)
{
    return keys->count;
}

const struct key *keys_at(const struct keys *keys, size_t i)
{
    return &keys->keys[i];
}

void keys_destroy(struct keys *keys)
{
    if (!keys)
        return;
    free(keys->keys);
    free(keys->slots);
    free(keys);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int parse_digest(const char *hex, unsigned char *out)
{
    if (strlen(hex) != (size_t)2 * KEY_DIGEST_SIZE || strspn(hex, "0123456789abcdefABCDEF") != strlen(hex))
        return -EINVAL;
    for (size_t i = 0; i < KEY_DIGEST_SIZE; i++) {
        char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (unsigned char)strtoul(byte, NULL, 16);
    }
    return 0;
}

/* Messages name what is wrong, never what stands there: it may be a token that was put in by mistake. */
static int parse_line(char *line, int number, struct keys *keys, struct err *err)
{
    char *save = NULL;
    const char *id = strtok_r(line, " \t\r", &save);
    const char *role = strtok_r(NULL, " \t\r", &save);
    const char *digest = strtok_r(NULL, " \t\r", &save);
    struct key key = {0};
    if (!id || *id == '#')
        return 0;
    if (!key_id_valid(id))
        return err_set(err, EINVAL,
                       "line %d: a key's id has 1 to %d of a-z, 0-9, _ . -, and begins with a letter or digit", number,
                       KEY_ID_SIZE - 1);
    if (!role || key_role_parse(role, &key.role) < 0)
        return err_set(err, EINVAL, "line %d: behind the id stands user, monitor or admin", number);
    if (!digest || parse_digest(digest, key.digest) < 0)
        return err_set(err, EINVAL, "line %d: behind the role stands the token's SHA-256, 64 hex digits", number);
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].id, id) == 0)
            return err_set(err, EINVAL, "line %d: there is a key \"%s\" already", number, id);
    memcpy(key.id, id, strlen(id) + 1);
    keys->keys = xrealloc(keys->keys, (keys->count + 1) * sizeof key);
    keys->keys[keys->count++] = key;
    return 0;
}

int keys_parse(const char *text, size_t len, struct keys **ret_keys, struct err *err)
{
    struct keys *keys = xcalloc(1, sizeof *keys);
    cleanup_free char *copy = xstrndup(text, len);
    int r = strlen(copy) == len ? 0 : err_set(err, EINVAL, "there is a NUL byte in it");
    char *line = copy;
    for (int number = 1; r == 0 && line; number++) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        r = parse_line(line, number, keys, err);
        line = next;
    }
    if (r == 0)
        r = build_table(keys, err);
    if (r < 0)
        keys_destroy(keys);
    else
        *ret_keys = keys;
    return r;
}

int keys_load(const char *path, const char *variable, struct keys **ret_keys, struct err *err)
{
    struct buf text = {0};
    int r = *path ? buf_add_file(&text, path, FILE_MAX, err) : 0;
    buf_add_char(&text, '\n');
    size_t from = text.len;
    buf_add_str(&text, variable);
    for (size_t i = from; i < text.len; i++)
        if (text.data[i] == ';')
            text.data[i] = '\n';
    if (r == 0)
        r = keys_parse(text.data, text.len, ret_keys, err);
    if (r < 0)
        (void)err_wrap(err, "keys");
    buf_finish(&text);
    return r;
}
