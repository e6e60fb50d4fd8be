/* Owns sealed memfds of compiled programs. Invariants: `bytes` is the sum of the entries' sizes and at most max_bytes;
 * there are at most ENTRIES_MAX, the one used last first, so a linear look-up costs microseconds where a compiler costs
 * tens of milliseconds. */
#include "program_cache.h"

#include <openssl/evp.h>
#include <string.h>

enum { ENTRIES_MAX = 512 }; /* a descriptor each */

struct entry {
    struct entry *next;
    struct program_key key;
    struct bundle program;
    struct compile_result compile;
    size_t bytes;
};

struct program_cache {
    struct entry *first;
    size_t max_bytes;
    size_t bytes;
    size_t count;
};

/* ---- keys ----------------------------------------------------------------------------------------------------- */

/* With its length, so that no two lists of parts look the same. */
static void hash_part(EVP_MD_CTX *hash, const void *data, size_t len)
{
    uint64_t prefix = len;
    if (EVP_DigestUpdate(hash, &prefix, sizeof prefix) != 1 || EVP_DigestUpdate(hash, data, len) != 1)
        abort();
}

static void hash_text(EVP_MD_CTX *hash, const char *text)
{
    hash_part(hash, text, strlen(text));
}

struct program_key program_key_of(const struct lang *lang, const char *toolchain, const struct submission *s)
{
    struct program_key key;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    char **argv = lang_argv(lang, &lang->compile, s, &lang->compile.limits, NULL);
    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        abort();
    hash_text(hash, lang->name);
    hash_text(hash, toolchain);
    for (char **argument = argv; *argument; argument++)
        hash_text(hash, *argument);
    hash_part(hash, &s->file_count, sizeof s->file_count); /* ends the arguments */
    for (size_t i = 0; i < s->file_count; i++) {
        hash_text(hash, s->files[i].name);
        hash_part(hash, s->files[i].content.data, s->files[i].content.len);
    }
    if (EVP_DigestFinal_ex(hash, key.digest, NULL) != 1)
        abort();
    lang_argv_free(argv);
    EVP_MD_CTX_free(hash);
    return key;
}

/* ---- entries -------------------------------------------------------------------------------------------------- */

static void entry_free(struct entry *entry)
{
    bundle_finish(&entry->program);
    run_figures_finish(&entry->compile.run);
    free(entry);
}

static void forget_last(struct program_cache *cache)
{
    struct entry **at = &cache->first;
    assert(*at); /* or nothing could be too much */
    while ((*at)->next)
        at = &(*at)->next;
    cache->bytes -= (*at)->bytes;
    cache->count--;
    entry_free(*at);
    *at = NULL;
}

/* The entry, moved to the front; or NULL. */
static struct entry *find(struct program_cache *cache, const struct program_key *key)
{
    for (struct entry **at = &cache->first; *at; at = &(*at)->next) {
        struct entry *entry = *at;
        if (memcmp(entry->key.digest, key->digest, sizeof key->digest) != 0)
            continue;
        *at = entry->next;
        entry->next = cache->first;
        cache->first = entry;
        return entry;
    }
    return NULL;
}

static size_t size_of(const struct bundle *program, const struct compile_result *compile)
{
    size_t bytes = sizeof(struct entry) + program->names_len + compile->run.out.len + compile->run.errout.len;
    for (uint32_t i = 0; i < program->count; i++)
        bytes += program->files[i].size;
    return bytes;
}

/* ---- the cache ------------------------------------------------------------------------------------------------ */

struct program_cache *program_cache_create(size_t max_bytes)
{
    struct program_cache *cache = xcalloc(1, sizeof *cache);
    cache->max_bytes = max_bytes;
    return cache;
}

void program_cache_destroy(struct program_cache *cache)
{
    while (cache && cache->first)
        forget_last(cache);
    free(cache);
}

bool program_cache_find(struct program_cache *cache, const struct program_key *key, struct bundle *ret_program,
                        struct compile_result *ret_compile)
{
    struct entry *entry = find(cache, key);
    if (!entry || bundle_share(&entry->program, ret_program) < 0)
        return false;
    *ret_compile = entry->compile;
    ret_compile->run = run_figures_copy(&entry->compile.run);
    ret_compile->cached = true;
    return true;
}

void program_cache_put(struct program_cache *cache, const struct program_key *key, const struct bundle *program,
                       const struct compile_result *compile)
{
    size_t bytes = size_of(program, compile);
    struct bundle shared;
    if (bytes > cache->max_bytes || find(cache, key) || bundle_share(program, &shared) < 0)
        return;
    while (cache->count == ENTRIES_MAX || cache->bytes + bytes > cache->max_bytes)
        forget_last(cache);
    struct entry *entry = xcalloc(1, sizeof *entry);
    *entry = (struct entry){
        .next = cache->first,
        .key = *key,
        .program = shared,
        .compile = {.present = true, .ok = compile->ok, .run = run_figures_copy(&compile->run)},
        .bytes = bytes,
    };
    cache->first = entry;
    cache->bytes += bytes;
    cache->count++;
}
