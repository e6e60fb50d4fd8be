/* keys.[ch]: what a file of keys may hold, and whose token is whose. */
#include "keys.h"
#include "tap.h"

#include <errno.h>

/* SHA-256 of "alpha" and of "beta". */
#define ALPHA "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
#define BETA "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"

static void test_found(void)
{
    static const char text[] = "# keys\n\n alice user " ALPHA " a note; with words\r\nroot\tadmin\t" BETA;
    struct keys *keys;
    struct err err = {0};
    if (!is_int(keys_parse(text, strlen(text), &keys, &err), 0, "a file is read"))
        return;
    is_int((long long)keys_count(keys), 2, "a key a line");
    const struct key *key = keys_find(keys, "alpha");
    is_str(key ? key->id : NULL, "alice", "a token is its key's");
    key = keys_find(keys, "beta");
    ok(key && key->role == KEY_ADMIN, "with its role");
    ok(!keys_find(keys, "alphA") && !keys_find(keys, "") && !keys_find(keys, ALPHA), "no other text is");
    cleanup_free char *endless = xmalloc(100000);
    memset(endless, 'x', 99999);
    endless[99999] = '\0';
    ok(!keys_find(keys, endless), "nor one without end");
    keys_destroy(keys);
    is_int(keys_load("", "alice user " ALPHA ";root admin " BETA ";", &keys, &err), 0, "a variable has several");
    is_int((long long)keys_count(keys), 2, "with semicolons between");
    keys_destroy(keys);
    is_int(keys_parse("", 0, &keys, &err), 0, "no key at all is allowed");
    ok(keys_count(keys) == 0 && !keys_find(keys, "alpha"), "and knows nobody");
    keys_destroy(keys);
    is_int(keys_load("/nonexistent/keys", "", &keys, &err), -ENOENT, "a file that is named must be there");
}

static void refused(const char *text, const char *part)
{
    struct keys *keys;
    struct err err = {0};
    int r = keys_parse(text, strlen(text), &keys, &err);
    if (!ok(r == -EINVAL && strstr(err.msg, part) && !strstr(err.msg, "secret"), "refused: %s", part))
        printf("#   r=%d msg=\"%s\"\n", r, err.msg);
    if (r == 0)
        keys_destroy(keys);
}

static void test_refused(void)
{
    refused("alice user " ALPHA "\nalice user " BETA, "line 2: there is a key \"alice\" already");
    refused("alice user " ALPHA "\nbob user " ALPHA, "the same digest");
    refused("Alice user " ALPHA, "line 1: a key's id");
    refused("a/b user " ALPHA, "a key's id");
    refused(".. user " ALPHA, "a key's id");
    refused("an-id-of-more-than-32-characters-is user " ALPHA, "a key's id");
    refused("alice", "user, monitor or admin");
    refused("alice king " ALPHA, "user, monitor or admin");
    refused("alice user secret-put-here-by-mistake", "SHA-256");
    refused("alice user " ALPHA "00", "SHA-256");
    refused("alice user zz" ALPHA, "SHA-256");
}

static void test_many(void)
{
    enum { MANY = 5000 };
    char(*tokens)[KEY_TOKEN_SIZE] = xcalloc(MANY, sizeof *tokens);
    char *text = xcalloc(MANY, 96);
    char *at = text;
    for (int i = 0; i < MANY; i++) {
        unsigned char digest[KEY_DIGEST_SIZE];
        char hex[2 * KEY_DIGEST_SIZE + 1];
        key_token_make(tokens[i]);
        key_digest(tokens[i], digest);
        hex_encode(digest, sizeof digest, hex);
        at += sprintf(at, "k%d user %s\n", i, hex);
    }
    struct keys *keys;
    struct err err = {0};
    int wrong = 0;
    if (is_int(keys_parse(text, strlen(text), &keys, &err), 0, "five thousand keys")) {
        for (int i = 0; i < MANY; i++) {
            const struct key *key = keys_find(keys, tokens[i]);
            wrong += !key || key != keys_at(keys, (size_t)i);
        }
        keys_destroy(keys);
    }
    is_int(wrong, 0, "each is found by its token");
    ok(strlen(tokens[0]) == 46 && strncmp(tokens[0], "sk_", 3) == 0, "a token is sk_ and 43 more");
    free(text);
    free(tokens);
}

int main(void)
{
    test_found();
    test_refused();
    test_many();
    return done_testing();
}
