/* The path is kept in a buffer that grows and shrinks with the object being read. Owns nothing. */
#include "fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- refusing -------------------------------------------------------------------------------------------------- */

int fields_refuse(struct fields *in, const char *name, const char *what)
{
    char field[sizeof in->path + 128]; /* err_set_field cuts it */
    snprintf(field, sizeof field, "%s%.120s", in->path, name);
    return err_set_field(in->err, EINVAL, field, "%s %s", field, what);
}

int fields_refuse_element(struct fields *in, const char *array, size_t index, const char *name, const char *what)
{
    char element[120];
    snprintf(element, sizeof element, "%.40s[%zu]%s%.40s", array, index, *name ? "." : "", name);
    return fields_refuse(in, element, what);
}

static int refuse_value(struct fields *in, const cJSON *value, const char *what)
{
    return fields_refuse(in, value->string, what);
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

const cJSON *fields_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

int fields_read_object(struct fields *in, const cJSON *object, const struct field *table, size_t count)
{
    const cJSON *outer = in->object;
    in->object = object;
    for (const cJSON *value = object->child; value; value = value->next) {
        size_t i = 0;
        while (i < count && strcmp(table[i].name, value->string) != 0)
            i++;
        int r = i < count ? table[i].read(in, value) : refuse_value(in, value, "is not a known field");
        if (r < 0)
            return r;
    }
    in->object = outer;
    return 0;
}

int fields_read_member(struct fields *in, const cJSON *value, const struct field *table, size_t count)
{
    if (!cJSON_IsObject(value))
        return refuse_value(in, value, "must be an object");
    snprintf(in->path, sizeof in->path, "%.60s.", value->string);
    int r = fields_read_object(in, value, table, count);
    if (r == 0)
        in->path[0] = '\0';
    return r;
}

int fields_read_elements(struct fields *in, const cJSON *array, const struct field *table, size_t count)
{
    const cJSON *element;
    in->index = 0;
    cJSON_ArrayForEach(element, array)
    {
        if (!cJSON_IsObject(element))
            return fields_refuse_element(in, array->string, in->index, "", "must be an object");
        snprintf(in->path, sizeof in->path, "%.40s[%zu].", array->string, in->index);
        int r = fields_read_object(in, element, table, count);
        if (r < 0)
            return r;
        in->path[0] = '\0';
        in->index++;
    }
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

int fields_bool(struct fields *in, const cJSON *value, bool *ret_flag)
{
    if (!cJSON_IsBool(value))
        return refuse_value(in, value, "must be true or false");
    *ret_flag = cJSON_IsTrue(value);
    return 0;
}

static int read_number(struct fields *in, const cJSON *value, double least, double most, bool whole, double *ret_number)
{
    char what[96];
    double number = value->valuedouble;
    if (cJSON_IsNumber(value) && number >= least && number <= most && (!whole || number == (double)(int64_t)number)) {
        *ret_number = number;
        return 0;
    }
    snprintf(what, sizeof what, "must be a %snumber from %.15g to %.15g", whole ? "whole " : "", least, most);
    return refuse_value(in, value, what);
}

int fields_number(struct fields *in, const cJSON *value, double least, double most, double *ret_number)
{
    return read_number(in, value, least, most, false, ret_number);
}

int fields_int(struct fields *in, const cJSON *value, int64_t least, int64_t most, int64_t *ret_number)
{
    double number = 0;
    int r = read_number(in, value, (double)least, (double)most, true, &number);
    if (r == 0)
        *ret_number = (int64_t)number;
    return r;
}

bool fields_has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

int fields_label(struct fields *in, const cJSON *value, size_t most, char **ret_text)
{
    char what[80];
    if (cJSON_IsString(value) && *value->valuestring && strlen(value->valuestring) <= most &&
        !fields_has_control(value->valuestring)) {
        *ret_text = xstrdup(value->valuestring);
        return 0;
    }
    snprintf(what, sizeof what, "must be a text of 1 to %zu bytes without control characters", most);
    return refuse_value(in, value, what);
}

int fields_bytes(struct fields *in, const cJSON *value, const char *encoding_name, struct bytes *ret_bytes)
{
    if (!cJSON_IsString(value))
        return refuse_value(in, value, "must be a string");
    const char *encoding = cJSON_GetStringValue(fields_member(in->object, encoding_name));
    size_t len = strlen(value->valuestring);
    if (encoding && strcmp(encoding, "base64") == 0) {
        if (base64_decode(value->valuestring, len, &ret_bytes->data, &ret_bytes->len) < 0)
            return refuse_value(in, value, "is not base64");
        return 0;
    }
    *ret_bytes = (struct bytes){.data = xmemdup(value->valuestring, len), .len = len};
    return 0;
}

int fields_encoding(struct fields *in, const cJSON *value)
{
    if (cJSON_IsString(value) &&
        (strcmp(value->valuestring, "base64") == 0 || strcmp(value->valuestring, "utf-8") == 0))
        return 0;
    return refuse_value(in, value, "must be \"utf-8\" or \"base64\"");
}

int fields_array(struct fields *in, const cJSON *value, size_t least, size_t most)
{
    char what[80];
    size_t count = cJSON_IsArray(value) ? (size_t)cJSON_GetArraySize(value) : SIZE_MAX;
    if (count >= least && count <= most)
        return 0;
    snprintf(what, sizeof what, "must be an array of %zu to %zu elements", least, most);
    return refuse_value(in, value, what);
}

int fields_strings(struct fields *in, const cJSON *value, size_t most, const char *(*fault)(const char *text),
                   char ***ret_strings, size_t *ret_count)
{
    int r = fields_array(in, value, 0, most);
    if (r < 0)
        return r;
    *ret_strings = xcalloc((size_t)cJSON_GetArraySize(value) + 1, sizeof **ret_strings);
    const cJSON *element;
    cJSON_ArrayForEach(element, value)
    {
        const char *why = cJSON_IsString(element) ? fault(element->valuestring) : "must be a string";
        if (why)
            return fields_refuse_element(in, value->string, *ret_count, "", why);
        (*ret_strings)[(*ret_count)++] = xstrdup(element->valuestring);
    }
    return 0;
}
