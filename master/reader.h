/* A submission out of a dialect's JSON: what every dialect has, by the names that each gives it. A dialect is its
 * tables of fields, its names, and what concerns several fields at once. Pure. */
#ifndef SENTINEL_READER_H
#define SENTINEL_READER_H

#include "fields.h"
#include "submission.h"

/* The least that may be asked for, whatever the dialect. */
enum {
    READER_TIME_LEAST_MS = 50,
    READER_MEMORY_LEAST_MB = 4,
    READER_CPUS_LEAST_MILLI = 50,
    READER_USER_ID_MAX = 128,
};

struct reader;

struct dialect {
    const struct field *fields; /* of the submission */
    size_t field_count;
    const struct field *test_fields;
    size_t test_field_count;
    const char *tests, *expected;          /* names of the list of tests, and of what one expects */
    const char *encoding, *input_encoding; /* members that say how code and tests, and input, are written; "": none */
    const char *no_code;                   /* what is wrong without any */
    /* When all fields are read, files and tests are there: what no single field can tell, and defaults. */
    int (*complete)(struct reader *reader, const cJSON *root);
};

struct reader {
    struct fields in;
    const struct dialect *dialect;
    const struct submission_rules *rules;
    const struct lang *lang;
    struct submission *s; /* being read: `made` */
    struct submission made;
};
struct reader *reader_of(struct fields *in);

/* Of one value of a document that json_parse took. EINVAL: err.field is the path of the field. */
int reader_read(struct reader *reader, const cJSON *root, struct submission *ret_s, struct err *err) MUST_USE;

/* The same of text. EBADMSG: malformed, the message has the position. */
int reader_parse(struct reader *reader, const char *text, size_t len, struct submission *ret_s, struct err *err)
    MUST_USE;

/* Of fields. */
int reader_code(struct fields *in, const cJSON *value);
int reader_input(struct fields *in, const cJSON *value); /* of the one run that there is without tests */
int reader_tests(struct fields *in, const cJSON *value);
int reader_test_input(struct fields *in, const cJSON *value);
int reader_test_expected(struct fields *in, const cJSON *value);
int reader_test_hidden(struct fields *in, const cJSON *value);
int reader_user_id(struct fields *in, const cJSON *value);
int reader_language(struct fields *in, const cJSON *value); /* read before all others: they need it */

/* Seconds of CPU and of wall time alike; processors. Bounded by the rules as well. */
int reader_seconds(struct fields *in, const cJSON *value, int64_t least_ms, int64_t most_ms) MUST_USE;
int reader_cpus(struct fields *in, const cJSON *value, int64_t most_milli) MUST_USE;

/* Two names of one thing: refuses this one where the other is there. */
int reader_not_with(struct fields *in, const cJSON *value, const char *other) MUST_USE;

#endif
