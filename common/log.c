/* Owns the process' log settings. A line is built whole and written by one write(2), so that lines of several
 * processes on one descriptor do not mix. */
#include "log.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
    enum log_level least;
    const char *program;
    const char *executor;
    char *path; /* NULL: standard error */
    int fd;
} settings = {LOG_INFO, "sentinel", NULL, NULL, STDERR_FILENO};

void log_init(enum log_level least, const char *program, const char *executor)
{
    settings.least = least;
    settings.program = program;
    settings.executor = executor;
}

int log_reopen(struct err *err)
{
    if (!settings.path)
        return 0;
    int fd = open(settings.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_set_errno(err, errno, "log-file %s", settings.path);
    if (settings.fd != STDERR_FILENO)
        close(settings.fd);
    settings.fd = fd;
    return 0;
}

int log_open(const char *path, struct err *err)
{
    if (!*path)
        return 0;
    settings.path = xstrdup(path);
    return log_reopen(err);
}

enum log_level log_level_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcmp(level_names[i], name) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

bool log_enabled(enum log_level level)
{
    return level >= settings.least;
}

static void write_line(const char *level, bool audit, const char *event, const struct log_field *fields, size_t count)
{
    char time[RFC3339_SIZE];
    format_rfc3339(now_wall_ms(), time);

    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "time", time);
    json_put_str(&w, "level", level);
    json_put_str(&w, "program", settings.program);
    if (settings.executor)
        json_put_str(&w, "executor", settings.executor);
    json_put_str(&w, "event", event);
    if (audit)
        json_put_bool(&w, "audit", true);
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].is_text)
            json_put_int(&w, fields[i].key, fields[i].number);
        else if (fields[i].text)
            json_put_bytes(&w, fields[i].key, fields[i].text, strlen(fields[i].text));
    }
    json_close(&w, '}');
    buf_add_char(&w.buf, '\n');

    /* A log that cannot be written has nobody to tell. */
    ssize_t written = write(settings.fd, w.buf.data, w.buf.len);
    (void)written;
    buf_finish(&w.buf);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    if (log_enabled(level))
        write_line(level_names[level], false, event, fields, count);
}

void log_write_audit(const char *event, const struct log_field *fields, size_t count)
{
    write_line("info", true, event, fields, count);
}
