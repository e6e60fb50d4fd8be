/* The files that are served as they are, from web/ and docs/openapi.yaml: made by web/embed.py at build. */
#ifndef SENTINEL_ASSETS_H
#define SENTINEL_ASSETS_H

#include <stddef.h>

struct asset {
    const char *path; /* that it is served at; NULL: the table's end */
    const char *content_type;
    const char *policy; /* Content-Security-Policy */
    const char *etag;
    size_t at, packed_len; /* where its gzip stands in sentinel_assets_data */
    size_t len;            /* unpacked */
};

extern const struct asset assets[];
extern const unsigned char sentinel_assets_data[];

#endif
