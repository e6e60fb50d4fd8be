/* API keys: who may call, told apart by what they present. A key's token is random and shown once; only its SHA-256 is
 * kept. A token of 256 random bits needs no slow hash: there is nothing to guess. Pure, but for the random bytes. */
#ifndef SENTINEL_KEYS_H
#define SENTINEL_KEYS_H

#include "err.h"

enum { KEY_ID_SIZE = 33, KEY_DIGEST_SIZE = 32, KEY_TOKEN_SIZE = 48, KEY_TOKEN_MAX = 256 };

enum key_role {
    KEY_USER,    /* submits, and sees its own jobs */
    KEY_MONITOR, /* reads /metrics, /load, /health, and nothing of anybody's jobs */
    KEY_ADMIN,   /* sees everybody's, and may call the admin routes */
};

struct key {
    char id[KEY_ID_SIZE]; /* [a-z0-9][a-z0-9_.-]*: the owner of what it makes */
    enum key_role role;
    unsigned char digest[KEY_DIGEST_SIZE]; /* SHA-256 of the token */
};

struct keys;

/* A line a key, "<id> <user|monitor|admin> <SHA-256 as 64 hex digits> [note]"; empty lines and lines that begin with #
 * are left out. EINVAL: the message has the line, and nothing of what stands in it but ids. */
int keys_parse(const char *text, size_t len, struct keys **ret_keys, struct err *err) MUST_USE;
/* The keys of a file ("": none) and those of a variable's text, where ";" ends a line too. */
int keys_load(const char *path, const char *variable, struct keys **ret_keys, struct err *err) MUST_USE;
void keys_destroy(struct keys *keys);

size_t keys_count(const struct keys *keys);
const struct key *keys_at(const struct keys *keys, size_t i);
/* Whose token it is, or NULL. The comparison takes as long for a nearly right token as for any other. */
const struct key *keys_find(const struct keys *keys, const char *token);

const char *key_role_name(enum key_role role);
int key_role_parse(const char *name, enum key_role *ret_role) MUST_USE;
bool key_id_valid(const char *id);

/* A fresh token, "sk_" and 43 letters and digits, into `out` (KEY_TOKEN_SIZE); and a token's digest. */
void key_token_make(char *out);
void key_digest(const char *token, unsigned char out[KEY_DIGEST_SIZE]);

#endif
