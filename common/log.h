/* One JSON line an event, on standard error or in a file. Only main programs and whoever decides what happens next log.
 */
#ifndef SENTINEL_LOG_H
#define SENTINEL_LOG_H

#include "err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `program` and `executor` (may be NULL) stand in every line; the strings must outlive the program's logging. */
void log_init(enum log_level least, const char *program, const char *executor);
/* Lines go to the file from now on (created, appended to); "" is standard error. -errno. Again, with log_reopen, after
 * it was moved away: on failure the old one stays. */
int log_open(const char *path, struct err *err) MUST_USE;
int log_reopen(struct err *err) MUST_USE;
bool log_enabled(enum log_level level);
enum log_level log_level_of(const char *name); /* "debug", "info", "warn" or "error", as the settings allow */

/* A field of a line. Text is escaped; a NULL text leaves the field out. */
struct log_field {
    const char *key;
    const char *text; /* NULL: `number` counts, unless `is_text` */
    int64_t number;
    bool is_text;
};
#define LOG_TEXT(k, v) ((struct log_field){.key = (k), .text = (v), .is_text = true})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v)})

/* log_event(LOG_INFO, "job claimed", LOG_TEXT("job", id), LOG_INT("attempt", 1)); at least one field. */
#define log_event(level, event, ...)                                     \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__}, \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

/* As log_event, whatever the level, with "audit":true: who did what that only some may, and who was refused. */
#define log_audit(event, ...)                                         \
    log_write_audit((event), (const struct log_field[]){__VA_ARGS__}, \
                    sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
void log_write_audit(const char *event, const struct log_field *fields, size_t count);

#endif
