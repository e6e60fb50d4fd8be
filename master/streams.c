/* Owns the streams. Each follows one job through the store by itself: it reads when a hint says that the job changed,
 * and on a slow tick, because hints may be lost. So it never misses an end.
 *
 * What a stream says, in this order, whatever of it is skipped: `state` whenever state or attempt changed; `test` for
 * each test of the attempt, in the order of the attempt's list of events and then, from the result, those that the list
 * does not have, by index; `result`, the job as GET /job/{id} has it, and the end. An event's id is "<attempt>.<seq>",
 * seq being the place of the test in that order, and of the result one more than there are tests: the same from every
 * master, so a client that comes back with its Last-Event-ID gets what it has not. */
#include "streams.h"
#include "api.h"
#include "http_stream.h"
#include "job_json.h"
#include "job_view.h"
#include "log.h"
#include "master.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    BUCKETS = 1024,         /* power of two */
    TICK_MS = 5000,         /* between reads without a hint, and of the heartbeat's clock */
    UNSENT_MAX = 256 << 10, /* a client that is so far behind is told more when it has taken this */
    PAGE = 100,             /* events that one read brings at most */
};

enum stream_state {
    STREAM_OPENING, /* the first read is under way: there may be no such job */
    STREAM_IDLE,
    STREAM_READING,
    STREAM_STALE,   /* reading, and changed since the read began: read again */
    STREAM_LAST,    /* the final job is being read */
    STREAM_CLOSING, /* freed with its last reference */
};

struct link {
    struct link *prev, *next;
};

struct stream {
    enum stream_state state;
    struct streams *streams;
    struct link link; /* of its bucket */
    struct call *call;
    char id[JOB_ID_SIZE];
    uv_timer_t timer;
    unsigned refs; /* the timer, a read that is under way */
    int64_t said_ms;
    /* what the client has from an earlier connection */
    int64_t had_attempt;
    size_t had_seq;
    /* what it was told */
    int64_t attempt; /* -1: nothing */
    bool state_said; /* of this attempt: job_state */
    enum job_state job_state;
    size_t seq; /* tests of the attempt */
    bool *told; /* by index; tests_total of them */
    size_t told_size;
};

struct streams {
    uv_loop_t *loop;
    const struct master *master;
    struct link buckets[BUCKETS]; /* heads of rings */
    bool draining;
};

static void stream_read(struct stream *stream);

/* ---- a stream's end --------------------------------------------------------------------------------------------- */

static void stream_unref(struct stream *stream)
{
    if (--stream->refs > 0)
        return;
    http_unref(stream->call);
    free(stream->told);
    free(stream);
}

static void on_timer_closed(uv_handle_t *handle)
{
    stream_unref(handle->data);
}

static void stream_close(struct stream *stream)
{
    if (stream->state == STREAM_CLOSING)
        return;
    stream->state = STREAM_CLOSING;
    stream->link.prev->next = stream->link.next;
    stream->link.next->prev = stream->link.prev;
    stream->call->on_gone = NULL;
    http_stream_end(stream->call);
    uv_close((uv_handle_t *)&stream->timer, on_timer_closed);
}

static void on_client_gone(void *arg)
{
    stream_close(arg);
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

static void say(struct stream *stream, const char *event, size_t seq, struct json_writer *w)
{
    struct buf text = {0};
    buf_printf(&text, "id: %" PRId64 ".%zu\nevent: %s\ndata: ", stream->attempt, seq, event);
    buf_add(&text, w->buf.data, w->buf.len);
    buf_add_str(&text, "\n\n");
    http_stream_write(stream->call, text.data, text.len);
    stream->said_ms = now_mono_ms();
    buf_finish(&text);
    buf_finish(&w->buf);
}

/* From the first event again when this is another attempt. */
static void enter_attempt(struct stream *stream, const struct store_job *job)
{
    if (stream->attempt == job->attempts)
        return;
    stream->attempt = job->attempts;
    stream->state_said = false;
    stream->seq = 0;
    memset(stream->told, 0, stream->told_size);
}

static void say_state(struct stream *stream, const struct store_job *job)
{
    struct json_writer w = {0};
    if (stream->state_said && stream->job_state == job->state)
        return;
    stream->state_said = true;
    stream->job_state = job->state;
    reply_put_state_event(&w, stream->id, job);
    say(stream, "state", stream->seq, &w);
}

static bool client_has(const struct stream *stream, size_t seq)
{
    return stream->attempt == stream->had_attempt && seq <= stream->had_seq;
}

static void say_test(struct stream *stream, const struct test_event *event)
{
    if (event->index >= stream->told_size || stream->told[event->index])
        return;
    stream->told[event->index] = true;
    if (client_has(stream, stream->seq))
        return;
    struct json_writer w = {0};
    reply_put_test_event(&w, stream->attempt, stream->seq, event);
    say(stream, "test", stream->seq, &w);
}

/* Of this attempt, as they came. One that cannot be read has its place too: the result tells that test. */
static void say_events(struct stream *stream, const struct store_text *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct test_event event;
        struct err err;
        stream->seq++;
        if (test_event_from_json(events[i].data, events[i].len, &event, &err) < 0)
            continue;
        say_test(stream, &event);
        test_event_finish(&event);
    }
}

static void say_rest(struct stream *stream, const struct submission *submission, const struct job_result *result)
{
    for (size_t i = 0; i < result->test_count && i < submission->test_count; i++) {
        if (i < stream->told_size && stream->told[i])
            continue;
        struct test_event event = test_event_of(submission, &result->tests[i], i);
        stream->seq++;
        say_test(stream, &event);
    }
}

/* ---- the end of the job ----------------------------------------------------------------------------------------- */

static void say_final(void *arg, const struct reply_job *reply)
{
    struct stream *stream = arg;
    struct json_writer w = {0};
    enter_attempt(stream, reply->job);
    if (reply->submission && reply->result)
        say_rest(stream, reply->submission, reply->result);
    say_state(stream, reply->job);
    reply_put_job(&w, reply);
    say(stream, "result", stream->told_size + 1, &w);
}

static void on_final(void *arg, const struct err *err, const struct store_job *job)
{
    struct stream *stream = arg;
    if (stream->state != STREAM_LAST) {
        stream_unref(stream);
        return;
    }
    stream->state = STREAM_IDLE;
    if (err)
        ; /* the tick tries again */
    else if (job && !job_state_final(job->state))
        stream_read(stream); /* an operator had it run again */
    else {
        if (job && job_view(&stream->call->master->langs, stream->id, job, say_final, stream) < 0)
            log_event(LOG_WARN, "event stream cut short", LOG_TEXT("job", stream->id));
        stream_close(stream);
    }
    stream_unref(stream);
}

static void read_final(struct stream *stream)
{
    stream->state = STREAM_LAST;
    stream->refs++;
    store_get(stream->streams->master->store, stream->id, true, on_final, stream);
}

/* ---- following --------------------------------------------------------------------------------------------------- */

/* Whether the stream goes on. Nothing has been sent yet, so all can still be said by a status. */
static bool stream_open(struct stream *stream, const struct err *err, const struct store_job *job)
{
    struct call *call = stream->call;
    if (err)
        call_store_failed(call, err);
    else if (!job || !call_may_see(call, job->owner))
        call_not_found(call, "no such job, or its result has expired");
    else if (job_state_final(job->state) && stream->had_attempt == job->attempts &&
             stream->had_seq > (size_t)job->tests_total)
        http_answer(call, 204, "text/event-stream", "", 0); /* tells an EventSource not to come again */
    else if (strcmp(call->method, "HEAD") == 0)
        http_answer(call, 200, "text/event-stream", "", 0);
    else {
        stream->told_size = (size_t)(job->tests_total > 0 ? job->tests_total : 0);
        stream->told = xcalloc(stream->told_size + 1, sizeof *stream->told);
        http_add_header(call, "x-accel-buffering", "no");
        http_stream_begin(call, "text/event-stream");
        return true;
    }
    return false;
}

static void on_followed(void *arg, const struct err *err, const struct store_job *job, const struct store_text *events,
                        size_t count)
{
    struct stream *stream = arg;
    bool opening = stream->state == STREAM_OPENING, again = stream->state == STREAM_STALE;
    if (stream->state == STREAM_CLOSING || (opening && !stream_open(stream, err, job))) {
        stream_close(stream);
        stream_unref(stream);
        return;
    }
    stream->state = STREAM_IDLE;
    if (!err && !job) {
        stream_close(stream); /* it has expired */
    } else if (!err) {
        enter_attempt(stream, job);
        if (!job_state_final(job->state))
            say_state(stream, job);
        say_events(stream, events, count);
        if (count == PAGE)
            again = true;
        else if (job_state_final(job->state))
            read_final(stream);
    }
    if (stream->state == STREAM_IDLE && again)
        stream_read(stream);
    else if (stream->state == STREAM_IDLE && stream->streams->draining)
        stream_close(stream);
    stream_unref(stream);
}

static void stream_read(struct stream *stream)
{
    if (stream->state == STREAM_READING)
        stream->state = STREAM_STALE;
    if (stream->state != STREAM_IDLE || http_stream_unsent(stream->call) > UNSENT_MAX)
        return;
    stream->state = STREAM_READING;
    stream->refs++;
    store_follow(stream->streams->master->store, stream->id, stream->attempt, stream->seq, on_followed, stream);
}

static void on_tick(uv_timer_t *timer)
{
    struct stream *stream = timer->data;
    if (now_mono_ms() - stream->said_ms >= stream->streams->master->config.heartbeat_s * 1000) {
        stream->said_ms = now_mono_ms();
        http_stream_write(stream->call, ":\n\n", 3);
    }
    stream_read(stream);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static struct link *bucket(struct streams *streams, const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a; ids are ours and random */
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return &streams->buckets[hash & (BUCKETS - 1)];
}

static void on_change(void *arg, const char *id)
{
    const struct link *head = bucket(arg, id);
    for (struct link *link = head->next, *next; link != head; link = next) {
        struct stream *stream = container_of(link, struct stream, link);
        next = link->next;
        if (strcmp(stream->id, id) == 0)
            stream_read(stream);
    }
}

static void for_each(struct streams *streams, void (*act)(struct stream *stream))
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct link *link = streams->buckets[i].next, *next; link != &streams->buckets[i]; link = next) {
            next = link->next;
            act(container_of(link, struct stream, link));
        }
}

static void on_resync(void *arg)
{
    for_each(arg, stream_read);
}

static void close_opened(struct stream *stream)
{
    if (stream->state != STREAM_OPENING)
        stream_close(stream);
}

void streams_drain(struct streams *streams)
{
    streams->draining = true;
    for_each(streams, close_opened);
}

struct streams *streams_create(uv_loop_t *loop, const struct master *master)
{
    struct streams *streams = xcalloc(1, sizeof *streams);
    streams->loop = loop;
    streams->master = master;
    for (size_t i = 0; i < BUCKETS; i++)
        streams->buckets[i].prev = streams->buckets[i].next = &streams->buckets[i];
    store_watch_changes(master->store, master->language_names, master->langs.count, on_change, on_resync, streams);
    return streams;
}

/* ---- the request ----------------------------------------------------------------------------------------------- */

/* "attempt.seq" of an event's id. */
static int read_last_id(struct call *call, int64_t *ret_attempt, size_t *ret_seq, struct err *err)
{
    static const char digits[] = "0123456789";
    const char *text = http_header(call, "last-event-id");
    if (!text || !*text)
        return 0;
    size_t first = strspn(text, digits), second = text[first] ? strspn(text + first + 1, digits) : 0;
    if (first < 1 || first > 9 || text[first] != '.' || second < 1 || second > 9 || text[first + 1 + second])
        return err_set_field(err, EINVAL, "Last-Event-ID", "Last-Event-ID must be the id of an event of this job");
    *ret_attempt = strtoll(text, NULL, 10);
    *ret_seq = (size_t)strtoull(text + first + 1, NULL, 10);
    return 0;
}

void api_job_events(struct call *call)
{
    struct streams *streams = call->master->streams;
    struct err err = {0};
    int64_t had_attempt = -1;
    size_t had_seq = 0;
    if (!api_known_id(call->master, call->id)) {
        call_not_found(call, "no such job");
        return;
    }
    if (read_last_id(call, &had_attempt, &had_seq, &err) < 0) {
        call_bad_request(call, &err);
        return;
    }
    struct stream *stream = xcalloc(1, sizeof *stream);
    struct link *head = bucket(streams, call->id);
    *stream = (struct stream){.state = STREAM_OPENING,
                              .streams = streams,
                              .link = {.prev = head->prev, .next = head},
                              .call = call,
                              .refs = 2,
                              .said_ms = now_mono_ms(),
                              .had_attempt = had_attempt,
                              .had_seq = had_seq,
                              .attempt = -1};
    strncpy(stream->id, call->id, sizeof stream->id - 1);
    head->prev->next = &stream->link;
    head->prev = &stream->link;
    http_ref(call);
    call->on_gone = on_client_gone;
    call->on_gone_arg = stream;
    int64_t heartbeat_ms = streams->master->config.heartbeat_s * 1000;
    uint64_t tick_ms = (uint64_t)(heartbeat_ms < TICK_MS ? heartbeat_ms : TICK_MS);
    uv_timer_init(streams->loop, &stream->timer);
    stream->timer.data = stream;
    uv_timer_start(&stream->timer, on_tick, tick_ms, tick_ms);
    store_follow(streams->master->store, stream->id, -1, 0, on_followed, stream);
}
