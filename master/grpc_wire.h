/* What gRPC writes on top of HTTP/2: messages with a prefix, statuses, deadlines. Pure. */
#ifndef SENTINEL_GRPC_WIRE_H
#define SENTINEL_GRPC_WIRE_H

#include "buf.h"
#include "err.h"

/* The numbers are gRPC's. */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

/* What the answer that HTTP would give, its status and its error's code, comes to. */
enum grpc_status grpc_status_of(int http_status, const char *code);

enum { GRPC_PREFIX_SIZE = 5 };
void grpc_put_prefix(struct buf *b, size_t message_len);

/* One message after the other out of a stream's bytes. Zeroes but for max_bytes, to begin with. */
struct grpc_reader {
    size_t max_bytes;
    unsigned char prefix[GRPC_PREFIX_SIZE];
    size_t prefix_len;
    size_t want;    /* bytes of the message, once its prefix is whole */
    struct buf buf; /* of the message; whole when grpc_reader_take said so */
};

/* Takes bytes up to the end of a message at most; *ret_used says how many. 1: the message in `buf` is whole, until
 * grpc_reader_next; 0: it wants more. EMSGSIZE: longer than max_bytes; ENOTSUP: compressed; EPROTO: no prefix at all;
 * the message says so. */
int grpc_reader_take(struct grpc_reader *reader, const void *data, size_t len, size_t *ret_used, struct err *err)
    MUST_USE;
void grpc_reader_next(struct grpc_reader *reader);
/* Whether it stands between two messages. */
bool grpc_reader_is_between(const struct grpc_reader *reader);
void grpc_reader_finish(struct grpc_reader *reader);

/* "10S", "100m": milliseconds, rounded up; -EINVAL. */
int grpc_timeout_parse(const char *text, int64_t *ret_ms) MUST_USE;

/* Text as the trailer grpc-message carries it. */
void grpc_put_percent(struct buf *b, const char *text);

/* Text as a string field carries it: what is not UTF-8 becomes U+FFFD. */
void grpc_put_utf8(struct buf *b, const char *data, size_t len);

#endif
