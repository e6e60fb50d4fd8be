/* GET of what is served as it is: the contract, its pages, the page to try programs on. Gzip for those who take it,
 * unpacked for the others; asked again it is "304 Not Modified". */
#include "api.h"
#include "assets.h"
#include "base.h"

#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>

static const struct asset *find(const char *path)
{
    for (const struct asset *asset = assets; asset->path; asset++)
        if (strcmp(asset->path, path) == 0)
            return asset;
    return NULL;
}

/* Whether Accept-Encoding names gzip with a weight above 0. */
static bool takes_gzip(const char *accept)
{
    while (accept && *accept) {
        accept += strspn(accept, ", \t");
        size_t len = strcspn(accept, ",");
        if (len >= 4 && strncasecmp(accept, "gzip", 4) == 0) {
            const char *weight = memmem(accept, len, "q=", 2);
            return !weight || strspn(weight + 2, "0.") < strcspn(weight + 2, ",; \t");
        }
        accept += len;
    }
    return false;
}

static char *unpack(const struct asset *asset)
{
    char *data = xmalloc(asset->len + 1);
    z_stream stream = {
        .next_in = sentinel_assets_data + asset->at,
        .avail_in = (uInt)asset->packed_len,
        .next_out = (Bytef *)data,
        .avail_out = (uInt)asset->len,
    };
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort(); /* it is ours, and was whole when we were built */
    inflateEnd(&stream);
    return data;
}

static void send_asset(struct call *call, const struct asset *asset)
{
    if (takes_gzip(http_header(call, "accept-encoding"))) {
        http_add_header(call, "content-encoding", "gzip");
        http_answer(call, 200, asset->content_type, (const char *)sentinel_assets_data + asset->at, asset->packed_len);
        return;
    }
    cleanup_free char *data = unpack(asset);
    http_answer(call, 200, asset->content_type, data, asset->len);
}

void api_asset(struct call *call)
{
    const struct asset *asset = find(call->path);
    if (!asset) {
        call_not_found(call, "no such path");
        return;
    }
    const char *known = http_header(call, "if-none-match");
    http_add_header(call, "etag", asset->etag);
    http_add_header(call, "cache-control", "no-cache"); /* keep it, but ask */
    http_add_header(call, "vary", "accept-encoding");
    http_add_header(call, "content-security-policy", asset->policy);
    if (known && strstr(known, asset->etag))
        http_answer(call, 304, asset->content_type, "", 0);
    else
        send_asset(call, asset);
}
