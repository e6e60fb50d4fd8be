/* What proto/ defines, as its descriptors have it; made by embed.py. */
#ifndef SENTINEL_DESCRIPTORS_H
#define SENTINEL_DESCRIPTORS_H

#include <stddef.h>

struct descriptor_file {
    const char *name;          /* as protoc was given it */
    const unsigned char *data; /* a google.protobuf.FileDescriptorProto */
    size_t len;
    const char *const *symbols; /* full names of messages, enums, services and methods; then NULL */
    const char *const *services;
};

extern const struct descriptor_file descriptor_files[];
extern const size_t descriptor_file_count;

#endif
