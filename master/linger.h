/* Reads and drops what a client still sends after it was refused. Without this, closing the socket over unread bytes
 * resets the connection, and the reset overtakes the refusal: the client sees an error instead of our 413. */
#ifndef SENTINEL_LINGER_H
#define SENTINEL_LINGER_H

#include <uv.h>

/* On a duplicate of the socket, so that the owner may close its own when it likes. Ends with the client's end, after
 * five seconds, or after 256 MB. */
void linger(uv_loop_t *loop, int socket_fd);

#endif
