"""Writes a descriptor set (protoc's) as a C table: each file's descriptor with the names that it defines."""

import sys


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of each field: bytes of what has a length, else None."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 2:
            size, at = varint(data, at)
            yield key >> 3, data[at:at + size]
            at += size
        elif kind == 0:
            _, at = varint(data, at)
            yield key >> 3, None
        else:
            at += 8 if kind == 1 else 4
            yield key >> 3, None


def all_of(data, number):
    return [value for found, value in fields(data) if found == number and value is not None]


def name_of(data):
    return all_of(data, 1)[0].decode()


# Numbers of google.protobuf's FileDescriptorProto, DescriptorProto and ServiceDescriptorProto.
def of_message(data, scope):
    name = f"{scope}.{name_of(data)}"
    yield name
    for nested in all_of(data, 3):
        yield from of_message(nested, name)
    for enum in all_of(data, 4):
        yield f"{name}.{name_of(enum)}"


def services(file):
    package = all_of(file, 2)[0].decode()
    return {f"{package}.{name_of(service)}": [name_of(method) for method in all_of(service, 2)]
            for service in all_of(file, 6)}


def symbols(file):
    package = all_of(file, 2)[0].decode()
    for message in all_of(file, 4):
        yield from of_message(message, package)
    for enum in all_of(file, 5):
        yield f"{package}.{name_of(enum)}"
    for service, methods in services(file).items():
        yield service
        yield from (f"{service}.{method}" for method in methods)


def main(source, target):
    with open(source, "rb") as file:
        files = all_of(file.read(), 1)
    out = ['#include "descriptors.h"', ""]
    for number, file in enumerate(files):
        lines = [", ".join(map(str, file[i:i + 24])) for i in range(0, len(file), 24)]
        out += [f"static const unsigned char file_{number}[] = {{", *(f"    {line}," for line in lines), "};",
                f"static const char *const symbols_{number}[] = {{",
                *(f'    "{name}",' for name in symbols(file)), "    NULL,", "};",
                f"static const char *const services_{number}[] = {{",
                *(f'    "{name}",' for name in services(file)), "    NULL,", "};", ""]
    out += ["const struct descriptor_file descriptor_files[] = {"]
    out += [f'    {{"{name_of(file)}", file_{number}, sizeof file_{number}, symbols_{number}, services_{number}}},'
            for number, file in enumerate(files)]
    out += ["};", f"const size_t descriptor_file_count = {len(files)};", ""]
    with open(target, "w") as file:
        file.write("\n".join(out))


main(*sys.argv[1:])
