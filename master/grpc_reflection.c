/* grpc.reflection: what can be called here, as the descriptors of proto/ have it. Every request of a stream is answered
 * by one message that repeats it. */
#include "descriptors.h"
#include "grpc.h"
#include "grpc_methods.h"
#include "grpc_wire.h"

#include "reflection.pb-c.h"

#include <string.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

static void send_response(struct call *call, const response_message *response)
{
    size_t size = grpc__reflection__v1__server_reflection_response__get_packed_size(response);
    cleanup_free uint8_t *packed = xmalloc(size);
    grpc__reflection__v1__server_reflection_response__pack(response, packed);
    grpc_send(call, packed, size);
}

static response_message response_to(request_message *request)
{
    response_message response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.valid_host = request->host;
    response.original_request = request;
    return response;
}

static void answer_file(struct call *call, request_message *request, const struct descriptor_file *file)
{
    response_message response = response_to(request);
    Grpc__Reflection__V1__FileDescriptorResponse found = GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    Grpc__Reflection__V1__ErrorResponse missing = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    ProtobufCBinaryData bytes;
    if (file) {
        bytes = (ProtobufCBinaryData){.data = (uint8_t *)file->data, .len = file->len};
        found.n_file_descriptor_proto = 1;
        found.file_descriptor_proto = &bytes;
        response.file_descriptor_response = &found;
        response.message_response_case =
            GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    } else {
        missing.error_code = GRPC_NOT_FOUND;
        missing.error_message = (char *)"there is no such file, symbol or extension";
        response.error_response = &missing;
        response.message_response_case =
            GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    }
    send_response(call, &response);
}

static void answer_services(struct call *call, request_message *request)
{
    response_message response = response_to(request);
    enum { MOST = 16 };
    Grpc__Reflection__V1__ListServiceResponse list = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    Grpc__Reflection__V1__ServiceResponse services[MOST], *pointers[MOST];
    size_t count = 0;
    for (size_t i = 0; i < descriptor_file_count; i++)
        for (const char *const *at = descriptor_files[i].services; *at; at++) {
            assert(count < MOST);
            grpc__reflection__v1__service_response__init(&services[count]);
            services[count].name = (char *)*at;
            pointers[count] = &services[count];
            count++;
        }
    list.n_service = count;
    list.service = pointers;
    response.list_services_response = &list;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    send_response(call, &response);
}

static const struct descriptor_file *file_named(const char *name)
{
    for (size_t i = 0; i < descriptor_file_count; i++)
        if (strcmp(descriptor_files[i].name, name) == 0)
            return &descriptor_files[i];
    return NULL;
}

static const struct descriptor_file *file_with(const char *symbol)
{
    for (size_t i = 0; i < descriptor_file_count; i++)
        for (const char *const *at = descriptor_files[i].symbols; *at; at++)
            if (strcmp(*at, symbol) == 0)
                return &descriptor_files[i];
    return NULL;
}

/* Nothing here has extensions. */
static void answer_extensions(struct call *call, request_message *request, const char *type)
{
    response_message response = response_to(request);
    Grpc__Reflection__V1__ExtensionNumberResponse none = GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    if (!file_with(type)) {
        answer_file(call, request, NULL);
        return;
    }
    none.base_type_name = (char *)type;
    response.all_extension_numbers_response = &none;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    send_response(call, &response);
}

static void answer(struct call *call, request_message *request)
{
    switch ((int)request->message_request_case) { /* protobuf-c's enum has one more, of no meaning */
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(call, request, file_named(request->file_by_filename));
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(call, request, file_with(request->file_containing_symbol));
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        answer_file(call, request, NULL);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_extensions(call, request, request->all_extension_numbers_of_type);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(call, request);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET:
    default:
        call_error(call, 422, "invalid_request", "message_request", "message_request is required");
    }
}

static void on_message(struct call *call, const char *data, size_t len)
{
    request_message *request =
        grpc__reflection__v1__server_reflection_request__unpack(NULL, len, (const uint8_t *)data);
    if (!request) {
        call_error(call, 400, "malformed_message", NULL, "the message is no ServerReflectionRequest");
        return;
    }
    answer(call, request);
    grpc__reflection__v1__server_reflection_request__free_unpacked(request, NULL);
}

void grpc_reflect(struct call *call)
{
    on_message(call, call->body, call->body_len);
    grpc_receive(call, on_message, grpc_end);
}
