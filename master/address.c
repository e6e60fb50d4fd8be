/* One form inside, IPv6, so that ::ffff:127.0.0.1 and 127.0.0.1 are the same client. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

struct network {
    struct address address;
    unsigned bits; /* of 128 */
};

static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct address *address)
{
    return memcmp(address->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

static void set_v4(struct address *address, const void *in4)
{
    memcpy(address->bytes, v4_prefix, sizeof v4_prefix);
    memcpy(address->bytes + sizeof v4_prefix, in4, 4);
}

struct address address_of_socket(const struct sockaddr *socket)
{
    struct address address = {0};
    if (socket->sa_family == AF_INET)
        set_v4(&address, &((const struct sockaddr_in *)(const void *)socket)->sin_addr);
    else if (socket->sa_family == AF_INET6)
        memcpy(address.bytes, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, 16);
    return address;
}

int address_parse(const char *text, size_t len, struct address *ret_address)
{
    char copy[INET6_ADDRSTRLEN];
    struct address address = {0};
    struct in_addr in4;
    const char *colon = memchr(text, ':', len);
    if (len > 0 && text[0] == '[') { /* the port is not of interest */
        const char *end = memchr(text, ']', len);
        if (!end)
            return -EINVAL;
        text++;
        len = (size_t)(end - text);
    } else if (colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - text))) {
        len = (size_t)(colon - text);
    }
    if (len >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, &in4) == 1)
        set_v4(&address, &in4);
    else if (inet_pton(AF_INET6, copy, address.bytes) != 1)
        return -EINVAL;
    *ret_address = address;
    return 0;
}

void address_format(const struct address *address, char *out)
{
    const void *from = is_v4(address) ? address->bytes + sizeof v4_prefix : address->bytes;
    if (!inet_ntop(is_v4(address) ? AF_INET : AF_INET6, from, out, ADDRESS_TEXT_SIZE))
        abort();
}

void address_format_client(const struct address *address, char *out)
{
    struct address network = *address;
    if (!is_v4(address))
        memset(network.bytes + 8, 0, 8);
    address_format(&network, out);
    if (!is_v4(address))
        strncat(out, "/64", ADDRESS_TEXT_SIZE - strlen(out) - 1);
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static int parse_network(const char *text, size_t len, struct network *ret_network)
{
    struct network network = {.bits = 128};
    const char *slash = memchr(text, '/', len);
    if (address_parse(text, slash ? (size_t)(slash - text) : len, &network.address) < 0)
        return -EINVAL;
    if (slash) {
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        unsigned most = is_v4(&network.address) ? 32 : 128;
        if (end != text + len || end == slash + 1 || slash[1] < '0' || slash[1] > '9' || bits > most)
            return -EINVAL;
        network.bits = (unsigned)bits + (128 - most);
    }
    *ret_network = network;
    return 0;
}

int address_list_parse(const char *text, struct address_list *ret_list, struct err *err)
{
    struct address_list list = {0};
    while (*(text += strspn(text, ", "))) {
        size_t len = strcspn(text, ", ");
        list.networks = xrealloc(list.networks, (list.count + 1) * sizeof *list.networks);
        if (parse_network(text, len, &list.networks[list.count]) < 0) {
            address_list_finish(&list);
            return err_set(err, EINVAL, "\"%.*s\" is no address and no network such as 10.0.0.0/8",
                           len < 64 ? (int)len : 64, text);
        }
        list.count++;
        text += len;
    }
    *ret_list = list;
    return 0;
}

void address_list_finish(struct address_list *list)
{
    free(list->networks);
    *list = (struct address_list){0};
}

static bool network_has(const struct network *network, const struct address *address)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool address_list_has(const struct address_list *list, const struct address *address)
{
    for (size_t i = 0; i < list->count; i++)
        if (network_has(&list->networks[i], address))
            return true;
    return false;
}

struct address address_of_client(const struct address_list *trusted, const struct address *peer, const char *forwarded)
{
    struct address client = *peer;
    size_t end = forwarded ? strlen(forwarded) : 0;
    while (end > 0 && address_list_has(trusted, &client)) {
        size_t start = end;
        while (start > 0 && forwarded[start - 1] != ',')
            start--;
        size_t from = start + strspn(forwarded + start, " \t"), to = end;
        while (to > from && strchr(" \t", forwarded[to - 1]))
            to--;
        struct address found;
        if (from >= to || address_parse(forwarded + from, to - from, &found) < 0)
            break; /* "unknown", or nonsense: the proxy is all that is known */
        client = found;
        end = start > 0 ? start - 1 : 0;
    }
    return client;
}

/* ---- addresses that are nobody's to name ------------------------------------------------------------------------- */

/* IANA's special-purpose registries, multicast, what embeds IPv4 addresses (NAT64, 6to4, Teredo), and the platform
 * address of Azure, which is public and answers inside only. */
static const char closed_networks[] =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16/32, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, "
    "192.0.2.0/24, 192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/3, "
    "::/96, 64:ff9b::/96, 64:ff9b:1::/48, 100::/64, 2001::/23, 2001:db8::/32, 2002::/16, 3fff::/20, 5f00::/16, "
    "fc00::/7, fe80::/10, fec0::/10, ff00::/8";

static const struct address_list *closed_list(void)
{
    static struct address_list list;
    if (list.count == 0 && address_list_parse(closed_networks, &list, NULL) < 0)
        abort();
    return &list;
}

bool address_is_public(const struct address *address)
{
    return !address_list_has(closed_list(), address);
}
