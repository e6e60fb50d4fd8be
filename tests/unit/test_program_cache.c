/* program_cache.[ch]: compiled programs by what they were made of. */
#include "program_cache.h"
#include "tap.h"

#include <fcntl.h>
#include <string.h>

static char cc[] = "/usr/bin/cc", flags[] = "{flags}", sources[] = "{sources}", name_of_it[] = "c",
            warning[] = "warning";
static char *argv[] = {cc, flags, sources};
static const struct lang LANG = {
    .name = name_of_it,
    .compiled = true,
    .compile = {.argv = argv, .argc = ARRAY_LEN(argv), .cache = true},
};

static struct program_key key_with(const char *toolchain, const char *name, const char *code, const char *flag)
{
    cleanup_free char *own_name = xstrdup(name), *own_code = xstrdup(code), *own_flag = flag ? xstrdup(flag) : NULL;
    struct source_file file = {.name = own_name, .content = {.data = own_code, .len = strlen(code)}};
    struct submission s = {
        .files = &file, .file_count = 1, .compile_flags = &own_flag, .compile_flag_count = flag != NULL};
    return program_key_of(&LANG, toolchain, &s);
}

static struct program_key key_of(const char *name, const char *code, const char *flag)
{
    return key_with("cc 1", name, code, flag);
}

static bool same(struct program_key a, struct program_key b)
{
    return memcmp(a.digest, b.digest, sizeof a.digest) == 0;
}

static void test_keys(void)
{
    struct program_key key = key_of("main.c", "int x;", NULL);
    ok(same(key, key_of("main.c", "int x;", NULL)), "the same submission has the same key");
    ok(!same(key, key_of("main.c", "int y;", NULL)), "another text another");
    ok(!same(key, key_of("other.c", "int x;", NULL)), "another name another");
    ok(!same(key, key_of("main.c", "int x;", "-g")), "another flag another");
    ok(!same(key, key_with("cc 2", "main.c", "int x;", NULL)), "another toolchain another");
    ok(!same(key_of("ab", "c", NULL), key_of("a", "bc", NULL)), "name and text do not run into each other");
}

static struct bundle program(const char *text)
{
    struct bundle bundle = {
        .count = 1, .files = xcalloc(1, sizeof *bundle.files), .names = xstrdup("program"), .names_len = 8};
    struct err err;
    bundle.files[0].size = strlen(text);
    if (memfd_of_bytes(text, strlen(text), &bundle.fd, &err) < 0)
        abort();
    return bundle;
}

static void put(struct program_cache *cache, struct program_key key, const char *text)
{
    struct compile_result compile = {
        .present = true, .ok = true, .run = {.cpu_us = 7, .errout = {.data = warning, .len = 7}}};
    struct bundle bundle = program(text);
    program_cache_put(cache, &key, &bundle, &compile);
    bundle_finish(&bundle);
}

/* What the cache has under the key, to be freed; or NULL. */
static char *get(struct program_cache *cache, struct program_key key)
{
    struct bundle bundle;
    struct compile_result compile;
    if (!program_cache_find(cache, &key, &bundle, &compile))
        return NULL;
    char *text = xcalloc(1, bundle.files[0].size + 1);
    bool whole = pread(bundle.fd, text, bundle.files[0].size, 0) == (ssize_t)bundle.files[0].size && compile.cached &&
                 compile.ok && compile.run.cpu_us == 7 && compile.run.errout.len == 7 &&
                 strcmp(bundle.names, "program") == 0;
    bundle_finish(&bundle);
    run_figures_finish(&compile.run);
    if (!whole)
        abort();
    return text;
}

static bool has(struct program_cache *cache, struct program_key key, const char *text)
{
    cleanup_free char *found = get(cache, key);
    return found && strcmp(found, text) == 0;
}

static void test_cache(void)
{
    struct program_cache *cache = program_cache_create(3600);
    struct program_key one = key_of("1", "", NULL), two = key_of("2", "", NULL), three = key_of("3", "", NULL);
    char large[1500];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    ok(!get(cache, one), "an empty one has nothing");
    put(cache, one, "first");
    ok(has(cache, one, "first"), "what was put is found, with the compiler's figures");
    ok(has(cache, one, "first"), "again and again");
    ok(!get(cache, two), "and nothing else");
    put(cache, one, "second");
    ok(has(cache, one, "first"), "the first program of a key stays");
    put(cache, two, large);
    ok(has(cache, one, "first") && has(cache, two, large), "there is room for two");
    ok(has(cache, one, "first"), "the first was used last");
    put(cache, three, large);
    ok(has(cache, one, "first") && has(cache, three, large) && !has(cache, two, large),
       "the least recently used leaves");
    program_cache_destroy(cache);
}

static void test_bounds(void)
{
    struct program_cache *none = program_cache_create(0);
    struct program_key key = key_of("1", "", NULL);
    put(none, key, "text");
    ok(!get(none, key), "a cache of no size keeps nothing");
    program_cache_destroy(none);

    struct program_cache *cache = program_cache_create(64 << 20);
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(before);
    for (int i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        put(cache, key_of(name, "", NULL), "text");
    }
    int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(after);
    ok(after - before <= 512, "descriptors are bounded");
    ok(!get(cache, key_of("87", "", NULL)) && has(cache, key_of("88", "", NULL), "text"), "the latest 512 are there");
    program_cache_destroy(cache);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(after);
    is_int(after, before, "and all are closed in the end");
}

int main(void)
{
    test_keys();
    test_cache();
    test_bounds();
    return done_testing();
}
