/* Copies what a request collects out of the work directory, when everything in the run is dead. */
#ifndef SENTINEL_BOX_COLLECT_H
#define SENTINEL_BOX_COLLECT_H

#include "request.h"

int collect_try(void); /* 0, or -errno when the kernel lacks what that needs */
/* Entries and names go behind `reply` (room for BOX_MESSAGE_MAX bytes). Returns the message's length; *ret_fd is the
 * contents, or -1. */
size_t collect_files(const struct request *r, int work_fd, struct box_reply *reply, int *ret_fd);

#endif
