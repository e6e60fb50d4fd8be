/* Owns a curl multi handle, a timer for it and a poll handle for each of its sockets. curl says what it waits for
 * (on_socket, on_timeout), the loop says what came (on_poll, on_timer), check_done tells who asked. */
#include "outbound.h"
#include "address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    ANSWER_MAX = 64 << 10, /* of a body that nobody reads */
};

struct outbound {
    uv_loop_t *loop;
    const struct address_list *allow;
    int64_t timeout_ms;
    CURLM *multi;
    uv_timer_t timer;
};

struct request {
    const struct outbound *outbound;
    CURL *easy;
    struct curl_slist *headers;
    size_t received;
    bool refused; /* an address was */
    char error[CURL_ERROR_SIZE];
    void (*on_answer)(void *arg, const struct outbound_answer *answer);
    void *arg;
};

struct watch {
    uv_poll_t poll;
    struct outbound *outbound;
    curl_socket_t fd;
};

/* ---- where to -------------------------------------------------------------------------------------------------- */

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct request *request = arg;
    bool internet = to->family == AF_INET || to->family == AF_INET6;
    struct address address = {0};
    (void)purpose;
    if (internet)
        address = address_of_socket(&to->addr);
    if (!internet || (!address_is_public(&address) && !address_list_has(request->outbound->allow, &address))) {
        request->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
}

/* ---- the end of a request -------------------------------------------------------------------------------------- */

static void request_end(struct request *request, CURLcode result)
{
    struct outbound_answer answer = {0};
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    if (answer.status < 200) /* an answer that was cut short has a status all the same */
        answer.status = 0;
    if (answer.status == 0) {
        answer.refused = request->refused || result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT;
        answer.error = request->refused  ? "its address is not a public one"
                       : *request->error ? request->error
                                         : curl_easy_strerror(result);
    }
    request->on_answer(request->arg, &answer);
    curl_multi_remove_handle(request->outbound->multi, request->easy);
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    free(request);
}

static void check_done(struct outbound *outbound)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(outbound->multi, &left));) {
        struct request *request = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        request_end(request, result);
    }
}

/* ---- curl on the loop ------------------------------------------------------------------------------------------ */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct outbound *outbound = watch->outbound;
    int running, flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    if (status < 0)
        flags = CURL_CSELECT_ERR;
    curl_multi_socket_action(outbound->multi, watch->fd, flags, &running); /* the watch may be gone now */
    check_done(outbound);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct outbound *outbound = arg;
    struct watch *watch = socket_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
            curl_multi_assign(outbound->multi, fd, NULL);
        }
        return 0;
    }
    if (!watch) {
        watch = xcalloc(1, sizeof *watch);
        watch->outbound = outbound;
        watch->fd = fd;
        if (uv_poll_init_socket(outbound->loop, &watch->poll, fd) < 0)
            abort(); /* curl's own socket */
        watch->poll.data = watch;
        curl_multi_assign(outbound->multi, fd, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, events, on_poll);
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct outbound *outbound = timer->data;
    int running;
    curl_multi_socket_action(outbound->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    check_done(outbound);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct outbound *outbound = arg;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&outbound->timer);
    else
        uv_timer_start(&outbound->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

/* ---- requests
 * --------------------------------------------------------------------------------------------------------- */

/* Nobody reads what comes back; who sends without end is cut off. */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct request *request = arg;
    (void)data;
    request->received += size * count;
    return request->received > ANSWER_MAX ? 0 : size * count;
}

static void set_up(struct request *request, const char *url, const char *body, size_t len)
{
    CURL *easy = request->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not what the environment says */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->outbound->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sentinel/" SENTINEL_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
}

void outbound_post(struct outbound *outbound, const char *url, const char *const *headers, const char *body, size_t len,
                   void (*on_answer)(void *arg, const struct outbound_answer *answer), void *arg)
{
    struct request *request = xcalloc(1, sizeof *request);
    *request = (struct request){.outbound = outbound, .easy = curl_easy_init(), .on_answer = on_answer, .arg = arg};
    if (!request->easy)
        abort();
    request->headers = curl_slist_append(NULL, "Content-Type: application/json");
    request->headers = curl_slist_append(request->headers, "Expect:"); /* no 100-continue */
    for (; *headers; headers++)
        request->headers = curl_slist_append(request->headers, *headers);
    set_up(request, url, body, len);
    if (curl_multi_add_handle(outbound->multi, request->easy) != CURLM_OK)
        abort();
}

struct outbound *outbound_create(uv_loop_t *loop, const struct address_list *allow, int64_t timeout_ms)
{
    struct outbound *outbound = xcalloc(1, sizeof *outbound);
    outbound->loop = loop;
    outbound->allow = allow;
    outbound->timeout_ms = timeout_ms;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(outbound->multi = curl_multi_init()))
        abort();
    uv_timer_init(loop, &outbound->timer);
    outbound->timer.data = outbound;
    curl_multi_setopt(outbound->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(outbound->multi, CURLMOPT_SOCKETDATA, outbound);
    curl_multi_setopt(outbound->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(outbound->multi, CURLMOPT_TIMERDATA, outbound);
    return outbound;
}
