/* An answer whose end is not known yet: begin it (200), write to it, end it. What is written is copied and sent as fast
 * as the client takes it. The call's on_gone fires when its client leaves, takes nothing for a minute, or when clients
 * leave too much unread. HTTP/1.1 only. */
#ifndef SENTINEL_HTTP_STREAM_H
#define SENTINEL_HTTP_STREAM_H

#include "call.h"

void http_stream_begin(struct call *call, const char *content_type);
void http_stream_write(struct call *call, const char *data, size_t len);
size_t http_stream_unsent(struct call *call); /* bytes that the client has not taken */
void http_stream_end(struct call *call);

#endif
