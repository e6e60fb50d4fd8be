/* Owns the compiler's box, its run in it, and our end of its socket. Invariants: only resident_step changes the state;
 * a compilation is answered when its frame has come, or when the run is over, and by nothing else; a compiler that says
 * anything but what is its turn is ended. */
#include "resident.h"
#include "log.h"
#include "resident_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
    START_MS = 120000, /* to its first word: 1 s of an idle processor */
    NEAR_MS = 100,     /* a small program takes 15, a compilation without it 240 */
    COMPILE_MS = 5000, /* and NEAR_MS; then it is somebody's compilation bomb, and better done under limits */
    REST_MS = 30000,   /* after one that never was ready */
    RUNS_MOST = 1000,  /* of one process, which grows by 10 MB in them; a start costs as much as 60 of them */
    STACK_BYTES = 64 << 20,
};

enum resident_state {
    RESIDENT_AWAY, /* no process; it begins when the box is there */
    RESIDENT_RESTING,
    RESIDENT_WARMING,
    RESIDENT_IDLE,
    RESIDENT_BUSY,
    RESIDENT_LATE,   /* as BUSY, for longer than NEAR_MS */
    RESIDENT_ENDING, /* it is being killed */
    RESIDENT_CLOSING,
};

enum resident_event {
    EVENT_BOX,
    EVENT_READY,
    EVENT_COMPILE,
    EVENT_ANSWER,
    EVENT_BAD,
    EVENT_OVER,
    EVENT_TIMER,
    EVENT_CANCEL,
    EVENT_CLOSE
};

/* Our end of the socket; it outlives a resident that let go of it until its close callback. */
struct line {
    uv_pipe_t pipe;
    struct resident *resident; /* NULL: let go */
};

struct resident {
    enum resident_state state;
    struct resident_options options;
    uv_loop_t *loop;
    struct box_client *box;
    uv_timer_t timer;
    struct line *line;                                       /* NULL: there is no process, or it is ending */
    struct buf in;                                           /* of the frame that is coming */
    unsigned runs;                                           /* of this process */
    uint64_t since_ns;                                       /* of the compilation */
    void (*on_answer)(void *arg, struct box_answer *answer); /* NULL: none is due */
    void *answer_arg;
    int handles; /* box and timer, not yet closed */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void resident_step(struct resident *r, enum resident_event event);

static struct box_limits limits_of(const struct lang_step *step, uint64_t scratch_bytes)
{
    return (struct box_limits){
        .cpu_us = (uint64_t)BOX_TIME_MAX_MS * 1000,
        .wall_us = (uint64_t)BOX_TIME_MAX_MS * 1000,
        .memory_bytes = (uint64_t)(step->limits.memory_mb + step->memory_overhead_mb) << 20,
        .output_bytes = (uint64_t)step->limits.output_kb << 10,
        .file_bytes = (uint64_t)step->limits.file_kb << 10,
        .scratch_bytes = scratch_bytes,
        .stack_bytes = STACK_BYTES,
        .processes = (uint32_t)step->limits.processes,
        .cpus_milli = (uint32_t)step->limits.cpus_milli,
    };
}

/* ---- the socket ------------------------------------------------------------------------------------------------ */

static void on_line_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void hang_up(struct resident *r)
{
    struct line *line = steal_pointer(&r->line);
    buf_finish(&r->in);
    if (!line)
        return;
    line->resident = NULL;
    uv_close((uv_handle_t *)&line->pipe, on_line_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret_buf)
{
    struct resident *r = ((struct line *)handle->data)->resident;
    buf_reserve(&r->in, size);
    *ret_buf = uv_buf_init(r->in.data + r->in.len, (unsigned)size);
}

/* As a box's, of figures that are the compiler's word and may be anything. */
static struct box_reply reply_of(const struct resident *r, const struct frame *frame)
{
    const struct lang_step *step = &r->options.lang->compile;
    uint64_t wall_us = (uv_hrtime() - r->since_ns) / 1000;
    uint64_t cpu_most_us = 2 * wall_us * (uint64_t)step->limits.cpus_milli / 1000;
    uint64_t memory_most = limits_of(step, 0).memory_bytes;
    return (struct box_reply){
        .magic = BOX_MAGIC,
        .version = BOX_VERSION,
        .type = BOX_TYPE_REPLY,
        .exit_code = (int32_t)frame->status,
        .cpu_us = frame->cpu_us > 0 && frame->cpu_us < cpu_most_us ? frame->cpu_us : wall_us,
        .wall_us = wall_us,
        .memory_peak_bytes = frame->memory_bytes < memory_most ? frame->memory_bytes : memory_most,
        .stderr_kept = frame->errout_len,
        .stderr_total = frame->errout_len,
        .warm = BOX_WARM,
    };
}

static bool is_its_turn(const struct resident *r, enum frame_status status)
{
    if (r->state == RESIDENT_WARMING)
        return status == FRAME_READY;
    return (r->state == RESIDENT_BUSY || r->state == RESIDENT_LATE) && status != FRAME_READY;
}

/* What was asked for when it came, at its turn. */
static bool take_frame(struct resident *r)
{
    const struct lang_step *step = &r->options.lang->compile;
    struct frame frame;
    if (!frame_parse(r->in.data, r->in.len, step, &frame))
        return false;
    bool good = is_its_turn(r, frame.status), ready = frame.status == FRAME_READY;
    /* A flood of messages ends a compilation by its limit. */
    bool declined = frame.status == FRAME_DECLINED || frame.errout_len > (uint64_t)step->limits.output_kb << 10;
    struct box_reply reply = reply_of(r, &frame);
    struct box_answer answer = {.reply = &reply, .out = "", .errout = frame.errout, .collected = frame.files};
    if (good) {
        struct buf bytes = r->in; /* the answer's; the step may end the process */
        void (*on_answer)(void *, struct box_answer *) = r->on_answer;
        r->in = (struct buf){0};
        r->on_answer = NULL;
        resident_step(r, ready ? EVENT_READY : EVENT_ANSWER);
        if (!ready)
            on_answer(r->answer_arg, declined ? NULL : &answer);
        buf_finish(&bytes);
    }
    bundle_finish(&answer.collected);
    return good;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *unused)
{
    struct resident *r = ((struct line *)stream->data)->resident;
    (void)unused;
    if (got > 0)
        r->in.len += (size_t)got;
    size_t len = frame_len(r->in.data, r->in.len);
    if (got < 0 || len > FRAME_MOST || (len > 0 && r->in.len > len) || (len == r->in.len && len > 0 && !take_frame(r)))
        resident_step(r, EVENT_BAD);
}

struct sending {
    uv_write_t write;
    char *data;
};

static void on_sent(uv_write_t *write, int unused)
{
    struct sending *sending = write->data;
    (void)unused; /* what was lost shows at the other side of the socket */
    free(sending->data);
    free(sending);
}

static void send_request(struct resident *r, const struct submission *s)
{
    struct buf request = {0};
    frame_put_request(&request, s->files, s->file_count);
    struct sending *sending = xcalloc(1, sizeof *sending);
    uv_buf_t bytes = uv_buf_init(request.data, (unsigned)request.len);
    sending->data = buf_steal(&request);
    sending->write.data = sending;
    if (uv_write(&sending->write, (uv_stream_t *)&r->line->pipe, &bytes, 1, on_sent) < 0)
        on_sent(&sending->write, 0);
}

/* ---- the process ----------------------------------------------------------------------------------------------- */

static void on_over(void *arg, struct box_answer *answer)
{
    struct resident *r = arg;
    if (r->state != RESIDENT_ENDING && r->state != RESIDENT_CLOSING)
        log_event(LOG_WARN, "a compiler that stays ended", LOG_TEXT("language", r->options.lang->name),
                  LOG_INT("cause", answer ? answer->reply->cause : 0),
                  LOG_INT("exit", answer ? answer->reply->exit_code : -1),
                  LOG_TEXT("error", answer ? answer->reply->message : "its box died"));
    if (answer && answer->reply->status == BOX_FAILED)
        box_client_restart(r->box);
    resident_step(r, EVENT_OVER);
}

static void open_line(struct resident *r, int fd)
{
    struct line *line = xcalloc(1, sizeof *line);
    line->resident = r;
    uv_pipe_init(r->loop, &line->pipe, 0);
    line->pipe.data = line;
    if (uv_pipe_open(&line->pipe, fd) < 0 || uv_read_start((uv_stream_t *)&line->pipe, on_alloc, on_read) < 0)
        abort();
    r->line = line;
}

/* Whether it is on its way. */
static bool begin(struct resident *r)
{
    const struct lang *lang = r->options.lang;
    struct source_file nameless = {.name = (char *)""};
    struct submission none = {.files = &nameless}; /* and of these not one */
    const struct bundle no_files = {.fd = r->options.null_fd};
    int ends[2];
    if (!box_client_idle(r->box) || box_client_hello(r->box)->tier != r->options.tier ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    char **argv = lang_argv(lang, &lang->compile, &none, &lang->compile.limits, NULL);
    struct box_call call = {
        .profile = BOX_PROFILE_COMPILE,
        .limits = limits_of(&lang->compile, r->options.scratch_bytes),
        .argv = argv,
        .env = lang->env,
        .env_count = lang->env_count,
        .files = &no_files,
        .stdin_fd = ends[1],
        .warm = BOX_WAY_RESIDENT,
    };
    struct err err;
    if (box_client_run(r->box, &call, on_over, r, &err) < 0)
        abort(); /* a step's argv is short */
    lang_argv_free(argv);
    close(ends[1]);
    open_line(r, ends[0]);
    r->runs = 0;
    return true;
}

/* ---- the state machine ----------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    resident_step(timer->data, EVENT_TIMER);
}

static void enter(struct resident *r, enum resident_state state, uint64_t timer_ms)
{
    r->state = state;
    if (timer_ms)
        uv_timer_start(&r->timer, on_timer, timer_ms, 0);
    else
        uv_timer_stop(&r->timer);
}

static void enter_away(struct resident *r)
{
    enter(r, RESIDENT_AWAY, 0);
    if (begin(r))
        enter(r, RESIDENT_WARMING, START_MS);
}

static void enter_ending(struct resident *r)
{
    enter(r, RESIDENT_ENDING, 0);
    hang_up(r);
    box_client_cancel(r->box);
}

static void answer_nothing(struct resident *r)
{
    void (*on_answer)(void *, struct box_answer *) = r->on_answer;
    r->on_answer = NULL;
    if (on_answer)
        on_answer(r->answer_arg, NULL);
}

static void step_warming(struct resident *r, enum resident_event event)
{
    if (event == EVENT_READY) {
        enter(r, RESIDENT_IDLE, 0);
        r->options.on_change(r->options.arg);
    } else if (event == EVENT_OVER) {
        hang_up(r);
        enter(r, RESIDENT_RESTING, REST_MS);
    } else if (event != EVENT_BOX) {
        enter(r, RESIDENT_WARMING, 0);
        hang_up(r);
        box_client_cancel(r->box);
    }
}

static void step_ready(struct resident *r, enum resident_event event)
{
    if (event == EVENT_OVER) {
        hang_up(r);
        answer_nothing(r);
        enter_away(r);
        r->options.on_change(r->options.arg);
    } else if (event == EVENT_COMPILE) {
        assert(r->state == RESIDENT_IDLE);
        enter(r, RESIDENT_BUSY, NEAR_MS);
    } else if (event == EVENT_ANSWER && ++r->runs < RUNS_MOST) {
        enter(r, RESIDENT_IDLE, 0);
    } else if (event == EVENT_TIMER && r->state == RESIDENT_BUSY) {
        enter(r, RESIDENT_LATE, COMPILE_MS);
        r->options.on_change(r->options.arg);
    } else if (event != EVENT_BOX) {
        enter_ending(r);
    }
}

static void on_part_closed(void *arg)
{
    struct resident *r = arg;
    if (--r->handles > 0)
        return;
    r->on_closed(r->closed_arg);
    free(r);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void enter_closing(struct resident *r)
{
    r->state = RESIDENT_CLOSING;
    hang_up(r);
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
    box_client_destroy(r->box, on_part_closed, r);
}

static void step(struct resident *r, enum resident_event event)
{
    switch (r->state) {
    case RESIDENT_AWAY:
        if (event == EVENT_BOX)
            enter_away(r);
        return;
    case RESIDENT_RESTING:
        if (event == EVENT_TIMER)
            enter_away(r);
        return;
    case RESIDENT_WARMING:
        step_warming(r, event);
        return;
    case RESIDENT_IDLE:
    case RESIDENT_BUSY:
    case RESIDENT_LATE:
        step_ready(r, event);
        return;
    case RESIDENT_ENDING:
        if (event == EVENT_OVER) {
            answer_nothing(r);
            enter_away(r);
        }
        return;
    case RESIDENT_CLOSING:
        if (event == EVENT_OVER)
            answer_nothing(r);
        return;
    }
    abort();
}

static void resident_step(struct resident *r, enum resident_event event)
{
    if (event == EVENT_CLOSE)
        enter_closing(r);
    else
        step(r, event);
}

/* ---- what the runner calls ------------------------------------------------------------------------------------- */

static void on_box_change(void *arg)
{
    resident_step(arg, EVENT_BOX);
}

struct resident *resident_create(uv_loop_t *loop, const struct resident_options *options)
{
    struct resident *r = xcalloc(1, sizeof *r);
    struct box_client_options box = {.argv = options->box_argv, .on_change = on_box_change, .arg = r};
    r->options = *options;
    r->loop = loop;
    r->handles = 2;
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    r->box = box_client_create(loop, &box);
    return r;
}

void resident_destroy(struct resident *resident, void (*on_closed)(void *arg), void *arg)
{
    resident->on_closed = on_closed;
    resident->closed_arg = arg;
    resident_step(resident, EVENT_CLOSE);
}

const struct lang *resident_lang(const struct resident *resident)
{
    return resident->options.lang;
}

bool resident_idle(const struct resident *resident)
{
    return resident->state == RESIDENT_IDLE;
}

bool resident_is_near(const struct resident *resident)
{
    return resident->state == RESIDENT_BUSY;
}

void resident_compile(struct resident *resident, const struct submission *submission,
                      void (*on_answer)(void *arg, struct box_answer *answer), void *arg)
{
    resident->on_answer = on_answer;
    resident->answer_arg = arg;
    resident->since_ns = uv_hrtime();
    resident_step(resident, EVENT_COMPILE);
    send_request(resident, submission);
}

void resident_cancel(struct resident *resident)
{
    resident_step(resident, EVENT_CANCEL);
}
