/* Compiled programs, remembered by what they were made of, least recently used out. Only what compiled is remembered,
 * and only a submission with the very same files, flags and toolchain meets it again. */
#ifndef SENTINEL_PROGRAM_CACHE_H
#define SENTINEL_PROGRAM_CACHE_H

#include "bundle.h"
#include "lang.h"

struct program_cache;

/* SHA-256 of the language, its toolchain's version, the compiler's argv and the source files' names and contents. */
struct program_key {
    unsigned char digest[32];
};

struct program_key program_key_of(const struct lang *lang, const char *toolchain, const struct submission *s);

/* max_bytes: of all programs and their compilers' output together; 0 remembers nothing. */
struct program_cache *program_cache_create(size_t max_bytes) MUST_USE;
void program_cache_destroy(struct program_cache *cache);

/* True: *ret_program shares the program's memory, *ret_compile holds copies; the caller finishes both. */
bool program_cache_find(struct program_cache *cache, const struct program_key *key, struct bundle *ret_program,
                        struct compile_result *ret_compile) MUST_USE;
/* Both stay the caller's. A program that is larger than the cache, or of which no descriptor can be had, is not kept.
 */
void program_cache_put(struct program_cache *cache, const struct program_key *key, const struct bundle *program,
                       const struct compile_result *compile);

#endif
