#include "grpc_methods.h"
#include "grpc.h"

/* Probes carry no keys; who may read the documentation may ask what there is to call. */
const struct grpc_method grpc_methods[] = {
    {.route = {"POST", "/executor.CodeExecutor/Execute", grpc_execute, ACCESS_KEY}},
    {.route = {"POST", "/executor.CodeExecutor/Health", grpc_health, ACCESS_HEALTH}},
    {.route = {"POST", "/grpc.health.v1.Health/Check", grpc_health_check, ACCESS_PROBE}},
    {.route = {"POST", "/grpc.health.v1.Health/Watch", grpc_health_watch, ACCESS_PROBE}},
    {.route = {"POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", grpc_reflect, ACCESS_DOCS},
     .streams = true},
    {.route = {"POST", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", grpc_reflect, ACCESS_DOCS},
     .streams = true},
};
const size_t grpc_method_count = ARRAY_LEN(grpc_methods);
