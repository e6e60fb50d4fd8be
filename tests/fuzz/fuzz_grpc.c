/* The reader of gRPC's messages, and what a message may hold. The first byte says into what pieces the rest is cut:
 * what comes out must not depend on it. */
#include "grpc_wire.h"

#include "executor.pb-c.h"
#include "reflection.pb-c.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096 };

static void check_messages(const struct buf *message)
{
    Executor__ExecuteRequest *request =
        executor__execute_request__unpack(NULL, message->len, (const uint8_t *)message->data);
    Grpc__Reflection__V1__ServerReflectionRequest *reflection =
        grpc__reflection__v1__server_reflection_request__unpack(NULL, message->len, (const uint8_t *)message->data);
    struct buf text = {0};
    if (request) {
        grpc_put_utf8(&text, (const char *)request->code.data, request->code.len);
        if (text.len < request->code.len)
            abort();
        executor__execute_request__free_unpacked(request, NULL);
    }
    if (reflection)
        grpc__reflection__v1__server_reflection_request__free_unpacked(reflection, NULL);
    buf_finish(&text);
}

/* The messages one behind the other, each with its prefix, and what ended them. */
static int read_all(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
    struct grpc_reader reader = {.max_bytes = MOST};
    struct err err;
    int r = 0;
    for (size_t at = 0; at < size && r >= 0;) {
        /* An exact allocation, so that one byte too far is seen. */
        size_t used = 0, len = size - at < step ? size - at : step;
        cleanup_free uint8_t *piece = xmalloc(len);
        memcpy(piece, data + at, len);
        r = grpc_reader_take(&reader, piece, len, &used, &err);
        if (r >= 0 && (used == 0 || used > len || reader.buf.len > MOST))
            abort();
        at += used;
        if (r == 1) {
            check_messages(&reader.buf);
            grpc_put_prefix(out, reader.buf.len);
            buf_add(out, reader.buf.data, reader.buf.len);
            grpc_reader_next(&reader);
        }
    }
    if (r >= 0)
        r = grpc_reader_is_between(&reader);
    grpc_reader_finish(&reader);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, cut = {0};
    int64_t ms;
    cleanup_free char *text = xstrndup((const char *)data, size);
    if (size > 1 && read_all(data + 1, size - 1, size, &whole) != read_all(data + 1, size - 1, data[0] % 32 + 1, &cut))
        abort();
    if (whole.len != cut.len || (whole.len > 0 && memcmp(whole.data, cut.data, whole.len) != 0))
        abort();
    if (grpc_timeout_parse(text, &ms) == 0 && ms < 0)
        abort();
    grpc_put_percent(&whole, text);
    buf_finish(&whole);
    buf_finish(&cut);
    return 0;
}
