/* Reading a JSON object strictly: a table of its fields, each with a reader; what is not in the table is refused. Every
 * refusal is EINVAL with the field's path ("testCases[3].expected"). Pure. */
#ifndef SENTINEL_FIELDS_H
#define SENTINEL_FIELDS_H

#include "job.h"
#include "json.h"

/* Embed it in what the readers fill; they get back with container_of. Zeroes but for `err` at the top. */
struct fields {
    struct err *err;     /* never NULL */
    const cJSON *object; /* being read */
    size_t index;        /* of the array's element being read */
    char path[80];       /* of the object being read, with its final dot; empty at the top */
};

struct field {
    const char *name;
    int (*read)(struct fields *in, const cJSON *value);
};

/* NULL: there is none. */
const cJSON *fields_member(const cJSON *object, const char *name);

int fields_read_object(struct fields *in, const cJSON *object, const struct field *table, size_t count) MUST_USE;
/* A member that is an object; then each element of a member that is an array of objects, which `index` counts. */
int fields_read_member(struct fields *in, const cJSON *value, const struct field *table, size_t count) MUST_USE;
int fields_read_elements(struct fields *in, const cJSON *array, const struct field *table, size_t count) MUST_USE;

/* -EINVAL; the message is the path, a space and `what`. */
int fields_refuse(struct fields *in, const char *name, const char *what) MUST_USE;
int fields_refuse_element(struct fields *in, const char *array, size_t index, const char *name, const char *what)
    MUST_USE;

int fields_bool(struct fields *in, const cJSON *value, bool *ret_flag) MUST_USE;
int fields_int(struct fields *in, const cJSON *value, int64_t least, int64_t most, int64_t *ret_number) MUST_USE;
int fields_number(struct fields *in, const cJSON *value, double least, double most, double *ret_number) MUST_USE;
int fields_array(struct fields *in, const cJSON *value, size_t least, size_t most) MUST_USE;

/* A short text for people or keys: 1 to `most` bytes without control characters. The caller frees it. */
int fields_label(struct fields *in, const cJSON *value, size_t most, char **ret_text) MUST_USE;
bool fields_has_control(const char *text);

/* Text, or any bytes when the object's member `encoding_name` is "base64"; and the check of that member itself. */
int fields_bytes(struct fields *in, const cJSON *value, const char *encoding_name, struct bytes *ret_bytes) MUST_USE;
int fields_encoding(struct fields *in, const cJSON *value) MUST_USE;

/* At most `most` strings; `fault` says why it refuses one, or NULL. What was read before a refusal is the caller's. */
int fields_strings(struct fields *in, const cJSON *value, size_t most, const char *(*fault)(const char *text),
                   char ***ret_strings, size_t *ret_count) MUST_USE;

#endif
