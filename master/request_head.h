/* What h2o reads out of a request's first lines, others on the way may read otherwise, and see another request in its
 * body than we do (request smuggling). Such requests are refused. Pure. */
#ifndef SENTINEL_REQUEST_HEAD_H
#define SENTINEL_REQUEST_HEAD_H

#include <stddef.h>

/* `data` begins with the request line and holds at least the empty line that ends the head. NULL: nothing is wrong;
 * else a sentence for the client. */
const char *request_head_fault(const char *data, size_t len);

#endif
