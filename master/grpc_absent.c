/* In place of grpc.c and what belongs to it, in a build without nghttp2 or protobuf-c. */
#include "grpc.h"

#include <errno.h>

int grpc_create(uv_loop_t *loop, const struct grpc_options *options, struct grpc **ret_grpc, struct err *err)
{
    (void)loop;
    (void)options;
    (void)ret_grpc;
    return err_set_field(err, ENOTSUP, "mode", "this build has no gRPC: libnghttp2 or protobuf-c was not there");
}

int grpc_port(const struct grpc *grpc)
{
    (void)grpc;
    abort(); /* there is none */
}

void grpc_drain(struct grpc *grpc, void (*on_drained)(void *arg), void *arg)
{
    (void)grpc;
    (void)on_drained;
    (void)arg;
    abort();
}
