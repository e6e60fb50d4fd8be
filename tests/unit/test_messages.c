/* box/base/util.c: a message is received before the end that comes behind it, also where nobody waits. */
#include "tap.h"
#include "util.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 4000 }; /* of some the kernel tells the end first */

static void *say_and_end(void *arg)
{
    int *socket = arg;
    bool said = message_send(*socket, "x", 1, NULL, 0) == 0;
    close(*socket);
    return said ? arg : NULL;
}

/* One who says one word and ends. */
static bool round_is_right(void)
{
    int ends[2];
    char word = 0;
    void *said;
    pthread_t other;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
        pthread_create(&other, NULL, say_and_end, &ends[1]) != 0)
        return false;
    ssize_t first, then;
    do
        first = message_receive(ends[0], &word, 1, NULL, 0, MSG_DONTWAIT);
    while (first == -EAGAIN);
    pthread_join(other, &said);
    then = message_receive(ends[0], &word, 1, NULL, 0, MSG_DONTWAIT);
    close(ends[0]);
    return said != NULL && first == 1 && word == 'x' && then == 0;
}

int main(void)
{
    int right = 0;
    for (int i = 0; i < ROUNDS; i++)
        right += round_is_right();
    is_int(right, ROUNDS, "the message, and then the end");
    return done_testing();
}
