/* The methods that gRPC clients can call; grpc_methods.c's table gives them their names. */
#ifndef SENTINEL_GRPC_METHODS_H
#define SENTINEL_GRPC_METHODS_H

struct call;

void grpc_execute(struct call *call);
void grpc_health(struct call *call);
void grpc_health_check(struct call *call); /* grpc.health.v1 */
void grpc_health_watch(struct call *call);
void grpc_reflect(struct call *call); /* streams; v1's and v1alpha's messages are the same */

#endif
