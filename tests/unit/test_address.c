/* address.[ch]: who a client is, whatever it writes into its headers. */
#include "address.h"
#include "tap.h"

#include <errno.h>

static void client_is(const char *trusted, const char *peer, const char *forwarded, const char *want)
{
    struct address_list list;
    struct address address;
    struct err err = {0};
    char text[ADDRESS_TEXT_SIZE] = "";
    if (!is_int(address_list_parse(trusted, &list, &err), 0, "the list is read") ||
        !is_int(address_parse(peer, strlen(peer), &address), 0, "the peer is read"))
        return;
    address = address_of_client(&list, &address, forwarded);
    address_format(&address, text);
    is_str(text, want, forwarded ? forwarded : "without the header");
    address_list_finish(&list);
}

static void refused(const char *list_text)
{
    struct address_list list;
    struct err err = {0};
    int r = address_list_parse(list_text, &list, &err);
    if (!ok(r == -EINVAL && strstr(err.msg, "is no address"), "refused: %s", list_text) && r == 0)
        address_list_finish(&list);
}

static void test_public(void)
{
    static const char *const closed[] = {
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.1.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    };
    static const char *const open[] = {"1.1.1.1",         "172.15.0.1",      "172.32.0.1",  "192.169.0.1",
                                       "100.128.0.1",     "223.255.255.255", "169.253.0.1", "::ffff:8.8.8.8",
                                       "2606:4700::1111", "2a00::1",         "2003::1"};
    struct address address;
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        ok(address_parse(closed[i], strlen(closed[i]), &address) == 0 && !address_is_public(&address), "%s is closed",
           closed[i]);
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        ok(address_parse(open[i], strlen(open[i]), &address) == 0 && address_is_public(&address), "%s is public",
           open[i]);
}

static void client_text(const char *address_text, const char *want)
{
    struct address address;
    char text[ADDRESS_TEXT_SIZE] = "";
    if (is_int(address_parse(address_text, strlen(address_text), &address), 0, address_text))
        address_format_client(&address, text);
    is_str(text, want, "as one client");
}

int main(void)
{
    client_is("", "192.0.2.1", NULL, "192.0.2.1");
    client_is("", "192.0.2.1", "10.1.1.1", "192.0.2.1");
    client_is("10.0.0.0/8", "192.0.2.1", "10.1.1.1, 198.51.100.7", "192.0.2.1");
    client_is("10.0.0.0/8", "10.0.0.1", "198.51.100.7", "198.51.100.7");
    client_is("10.0.0.0/8", "10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7");
    client_is("10.0.0.0/8", "10.0.0.1", "1.1.1.1,198.51.100.7 ,\t10.2.0.1", "198.51.100.7");
    client_is("10.0.0.0/8", "10.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9");
    client_is("10.0.0.0/8", "10.0.0.1", "evil, 10.0.0.8", "10.0.0.8");
    client_is("10.0.0.0/8", "10.0.0.1", "1.1.1.1, ", "10.0.0.1");
    client_is("10.0.0.0/8", "10.0.0.1", "", "10.0.0.1");
    client_is("10.0.0.0/8", "10.0.0.1", ",,,", "10.0.0.1");
    client_is("10.0.0.0/8", "10.0.0.1", "198.51.100.7:4711", "198.51.100.7");
    client_is("10.0.0.0/8", "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7");
    client_is("10.0.0.0/8", "10.0.0.1", "2001:db8::7", "2001:db8::7");
    client_is("::1, fd00::/8", "::1", "2001:db8::7, fd12::1", "2001:db8::7");
    client_is("127.0.0.1", "::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7");
    client_is("127.0.0.0/25", "127.0.0.128", "198.51.100.7", "127.0.0.128");
    client_is("0.0.0.0/0", "8.8.8.8", "9.9.9.9", "9.9.9.9");
    client_is("0.0.0.0/0", "2001:db8::7", "9.9.9.9", "2001:db8::7");
    refused("10.0.0.0/33");
    refused("10.0.0.0/");
    refused("10.0.0.0/-1");
    refused("10.0.0.0/8x");
    refused("::/129");
    refused("localhost");
    refused("10.0.0.1,, 300.1.1.1");
    refused("[::1");
    client_text("198.51.100.7", "198.51.100.7");
    client_text("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    test_public();
    return done_testing();
}
