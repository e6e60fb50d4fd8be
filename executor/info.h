/* What an executor tells of itself with each beat, and of its isolation in the log. Pure. */
#ifndef SENTINEL_INFO_H
#define SENTINEL_INFO_H

#include "box/box_protocol.h"
#include "lang.h"

/* A language that this executor serves, and what it has done in it. */
struct served {
    const struct lang *lang;
    char *version; /* as detected; owned by main */
    int64_t active;
    int64_t completed; /* jobs with a verdict */
    int64_t failed;    /* given back, or the service's fault */
};

struct info {
    const char *host;
    const struct box_hello *hello; /* NULL: no box is up now */
    int64_t slots;
    int64_t slots_up;
    const struct served *served;
    size_t served_count;
};

/* {"version","host","tier","slots","slotsUp","active","completed","failed","mechanisms":{name:{"on","detail"}},
 *  "languages":{name:{"version","active","completed","failed"}}}; the caller frees it. */
char *info_to_json(const struct info *info) MUST_USE;

/* What a job's result keeps of it: {"kernel","landlockAbi","cgroupVersion","held":[name…],"missing":{name:why}}; the
 * caller frees it. */
char *info_isolation(const struct box_hello *hello) MUST_USE;

/* "memory cgroup (cgroup is read-only), landlock (not in this kernel)": what is off, and why; the caller frees it. */
char *info_missing(const struct box_hello *hello) MUST_USE;

#endif
