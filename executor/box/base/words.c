/* Names of tier A in a request's words, moved to where they lead in tier B. */
#include "request.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A path of tier A, and where that is here. */
struct move {
    const char *from, *to;
};

static const struct move *move_at(const char *at, const struct move *moves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(moves[i].from);
        if (strncmp(at, moves[i].from, len) == 0 && strchr("/:,", at[len]) != NULL)
            return &moves[i];
    }
    return NULL;
}

/* Writes the word with its paths moved: those that are where it begins, or behind one of "=:,". Returns its size with
 * the NUL; `to` is NULL when only that is asked. */
static size_t put_moved(char *to, const char *word, const struct move *moves, size_t count)
{
    size_t size = 0;
    for (const char *at = word; *at != '\0';) {
        const struct move *m = at == word || strchr("=:,", at[-1]) != NULL ? move_at(at, moves, count) : NULL;
        size_t len = m == NULL ? 1 : strlen(m->to);
        if (to != NULL)
            memcpy(to + size, m == NULL ? at : m->to, len);
        size += len;
        at += m == NULL ? 1 : strlen(m->from);
    }
    if (to != NULL)
        to[size] = '\0';
    return size + 1;
}

/* The words of the run before are let go: an init has the memory of who comes after it, and may be killed in libc's
 * allocator. NULL: there is none. */
static char *take_space(size_t size)
{
    static char *space;
    static size_t space_size;
    char *before = space;
    space = NULL;
    if (before != NULL)
        munmap(before, space_size);
    space_size = size;
    char *fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    space = fresh == MAP_FAILED ? NULL : fresh;
    return space;
}

void request_move_words(struct request *r, const struct config *config, const char *scratch)
{
    char work[PATH_MAX + 8], tmp[PATH_MAX + 8];
    const char *languages = config->languages == NULL ? BOX_LANGUAGES : config->languages;
    const struct move moves[] = {{BOX_LANGUAGES, languages}, {"/work", work}, {"/tmp", tmp}};
    const struct {
        char **words;
        uint32_t count;
        size_t moves;
    } lists[] = {{r->env, r->head.envc, ARRAY_LEN(moves)}, {r->argv, r->head.argc, 1}};
    size_t size = 0;
    snprintf(work, sizeof work, "%s/work", scratch);
    snprintf(tmp, sizeof tmp, "%s/tmp", scratch);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (uint32_t i = 0; i < lists[l].count; i++)
            size += put_moved(NULL, lists[l].words[i], moves, lists[l].moves);
    char *to = take_space(size);
    if (to == NULL)
        _exit(1);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (uint32_t i = 0; i < lists[l].count; i++) {
            size = put_moved(to, lists[l].words[i], moves, lists[l].moves);
            lists[l].words[i] = to;
            to += size;
        }
}
