/* The release, from meson's project(version). */
#ifndef SENTINEL_VERSION_H
#define SENTINEL_VERSION_H

#ifndef SENTINEL_VERSION
#error "SENTINEL_VERSION comes from meson"
#endif

#endif
