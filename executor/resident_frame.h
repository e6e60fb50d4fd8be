/* The words between an executor and a compiler that stays (resident.h), over a stream socket that is the compiler's
 * standard input. Numbers are big-endian, unsigned, of 4 bytes where nothing else is said; a text is its length and its
 * bytes.
 *
 *   compiler → executor   an answer with FRAME_READY and nothing in it, once, when it has warmed up
 *   executor → compiler   a request: the number of files, and of each its name and its content, as texts
 *   compiler → executor   an answer: the length of what follows; status; CPU time in µs (8 bytes) and most memory in
 * bytes (8 bytes); standard error as a text; the number of files that it leaves, and of each its name and its content,
 * as texts
 *
 * One request at a time. What comes from the compiler is taken for an untrusted program's. */
#ifndef SENTINEL_RESIDENT_FRAME_H
#define SENTINEL_RESIDENT_FRAME_H

#include "buf.h"
#include "bundle.h"
#include "lang.h"

enum frame_status {
    FRAME_COMPILED,
    FRAME_ERRORS,   /* in the sources */
    FRAME_DECLINED, /* not for it: they are to be compiled as the step's argv says */
    FRAME_READY,
};

enum { FRAME_MOST = 32 << 20 }; /* bytes of an answer */

struct frame {
    enum frame_status status;
    uint64_t cpu_us; /* 0: not known */
    uint64_t memory_bytes;
    const char *errout; /* in the frame's own bytes */
    size_t errout_len;
    struct bundle files;
};

void frame_put_request(struct buf *b, const struct source_file *files, size_t count);
/* The length of the whole frame that begins at `data`; 0: not known yet. More than FRAME_MOST: it is none. */
size_t frame_len(const char *data, size_t len);
/* Takes a whole one apart. False: it is none, or has a file that is too large for the step or that it does not collect.
 * The files are the caller's. */
bool frame_parse(const char *data, size_t len, const struct lang_step *step, struct frame *ret_frame) MUST_USE;

#endif
