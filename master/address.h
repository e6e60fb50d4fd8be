/* Clients' addresses: read, listed by network, found behind trusted proxies. Pure. */
#ifndef SENTINEL_ADDRESS_H
#define SENTINEL_ADDRESS_H

#include "err.h"

#include <sys/socket.h>

enum { ADDRESS_TEXT_SIZE = 52 }; /* an IPv6 address, "/64" and a NUL */

struct address {
    unsigned char bytes[16]; /* IPv6; IPv4 as ::ffff:a.b.c.d */
};

/* Zeroes (::) for a family that has none. */
struct address address_of_socket(const struct sockaddr *socket);
/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1" or "[2001:db8::1]:80"; EINVAL. */
int address_parse(const char *text, size_t len, struct address *ret_address) MUST_USE;
/* `out` holds ADDRESS_TEXT_SIZE. */
void address_format(const struct address *address, char *out);
/* What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one household gets. */
void address_format_client(const struct address *address, char *out);

struct address_list {
    struct network *networks;
    size_t count;
};

/* "10.0.0.0/8, ::1": addresses and networks with commas between. EINVAL: the message has the wrong one. */
int address_list_parse(const char *text, struct address_list *ret_list, struct err *err) MUST_USE;
void address_list_finish(struct address_list *list);
bool address_list_has(const struct address_list *list, const struct address *address);

/* Whether it may be reached on a stranger's word: not loopback, link-local, private, shared, reserved, a cloud's own
 * services, or a way to tunnel into one of these. */
bool address_is_public(const struct address *address);

/* Who the client is: the last of X-Forwarded-For that no trusted proxy is, as long as each behind it, the peer first,
 * is one. What a stranger writes into the header stands left of that and is not looked at. forwarded may be NULL. */
struct address address_of_client(const struct address_list *trusted, const struct address *peer, const char *forwarded);

#endif
