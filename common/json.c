/* Strict parsing in two steps: scan() walks the text once and refuses what cJSON would let through or cut (raw and
 * escaped NULs, depth, bad UTF-8, trailing bytes), then cJSON builds the tree, then duplicate keys are looked for.
 * The writer trusts its caller to open and close in order. */
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- UTF-8 --------------------------------------------------------------------------------------------------- */

/* Ranges from RFC 3629, section 4. */
size_t utf8_length(const char *data, size_t left)
{
    const unsigned char *s = (const unsigned char *)data;
    unsigned char lead = s[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < len)
        return 0;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool utf8_valid(const char *data, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = utf8_length(data + i, len - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

/* ---- the scan ------------------------------------------------------------------------------------------------ */

struct scan {
    const char *text;
    size_t len;
    size_t at;
    size_t values; /* commas and brackets seen */
    int depth;
    struct level {
        bool object;
        size_t key, key_len; /* of the member being read */
        int index;           /* of the element being read */
    } level[JSON_DEPTH_MAX];
    struct err *err;
};

/* "testCases[3].input" for where the scan stands. */
static void scan_path(const struct scan *s, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < s->depth && used < size; i++) {
        const struct level *l = &s->level[i];
        int n = l->object
                    ? snprintf(out + used, size - used, "%s%.*s", used ? "." : "", (int)l->key_len, s->text + l->key)
                    : snprintf(out + used, size - used, "[%d]", l->index);
        used += n > 0 ? (size_t)n : 0;
    }
}

static int malformed(const struct scan *s, const char *what)
{
    int line = 1;
    for (size_t i = 0; i < s->at && i < s->len; i++)
        line += s->text[i] == '\n';
    return err_set(s->err, EBADMSG, "malformed JSON at line %d, byte %zu: %s", line, s->at, what);
}

/* A string from its opening quote; leaves `at` behind the closing one. */
static int scan_string(struct scan *s, bool is_key)
{
    size_t start = ++s->at;
    bool has_nul = false;
    for (;;) {
        if (s->at >= s->len)
            return malformed(s, "a string without end");
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"')
            break;
        if (c < 0x20)
            return malformed(s, "a control character in a string");
        if (c == '\\') {
            if (s->len - s->at >= 6 && memcmp(s->text + s->at, "\\u0000", 6) == 0)
                has_nul = true;
            s->at += 2;
            continue;
        }
        size_t step = utf8_length(s->text + s->at, s->len - s->at);
        if (step == 0)
            return malformed(s, "not UTF-8");
        s->at += step;
    }
    if (is_key && s->depth > 0) {
        s->level[s->depth - 1].key = start;
        s->level[s->depth - 1].key_len = s->at - start;
    }
    s->at++;
    if (has_nul) {
        char path[sizeof s->err->field];
        scan_path(s, path, sizeof path);
        return err_set_field(s->err, EINVAL, path, "must not contain U+0000; send such data as base64");
    }
    return 0;
}

/* Each value costs cJSON an allocation: a body of nothing but commas would hold up everybody. */
static int scan_count(struct scan *s)
{
    return ++s->values > JSON_VALUES_MAX ? malformed(s, "too many values") : 0;
}

static int scan_open(struct scan *s, bool object)
{
    if (s->depth == JSON_DEPTH_MAX)
        return malformed(s, "nested too deep");
    s->level[s->depth++] = (struct level){.object = object, .key = s->at};
    s->at++;
    return scan_count(s);
}

static size_t skip_digits(struct scan *s)
{
    size_t start = s->at;
    while (s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9')
        s->at++;
    return s->at - start;
}

static bool skip_char(struct scan *s, const char *set)
{
    bool found = s->at < s->len && s->text[s->at] && strchr(set, s->text[s->at]);
    s->at += found;
    return found;
}

/* RFC 8259's grammar; cJSON takes what strtod takes ("01", "1.", ".5"). */
static int scan_number(struct scan *s)
{
    skip_char(s, "-");
    bool good = skip_char(s, "0") || skip_digits(s) > 0;
    if (good && skip_char(s, "."))
        good = skip_digits(s) > 0;
    if (good && skip_char(s, "eE")) {
        skip_char(s, "+-");
        good = skip_digits(s) > 0;
    }
    if (good && s->at < s->len && strchr("0123456789.+-eE", s->text[s->at]))
        good = false;
    return good ? 0 : malformed(s, "not a number");
}

/* What may stand outside of strings, numbers and brackets: white space, ':', and the letters of the three literals. */
static int scan_other(struct scan *s)
{
    return skip_char(s, " \t\r\n:truefalsn") ? 0 : malformed(s, "unexpected character");
}

/* What is a key and what a value is cJSON's to check; a string is a key here when an object waits for one. */
static int scan(struct scan *s)
{
    bool key_next = false;
    for (; s->at < s->len;) {
        char c = s->text[s->at];
        int r = 0;
        switch (c) {
        case '"':
            r = scan_string(s, key_next);
            key_next = false;
            break;
        case '{':
        case '[':
            r = scan_open(s, c == '{');
            key_next = c == '{';
            break;
        case '}':
        case ']':
            if (s->depth == 0)
                return malformed(s, "a bracket that nothing opened");
            s->depth--;
            s->at++;
            key_next = false;
            break;
        case ',':
            if (s->depth > 0) {
                s->level[s->depth - 1].index++;
                key_next = s->level[s->depth - 1].object;
            }
            s->at++;
            r = scan_count(s);
            break;
        default:
            r = c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : scan_other(s);
        }
        if (r < 0)
            return r;
    }
    return s->depth ? malformed(s, "it ends too early") : 0;
}

/* ---- duplicates ---------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_duplicates(const cJSON *node, struct err *err)
{
    size_t count = 0;
    for (const cJSON *child = node->child; child; child = child->next) {
        count++;
        if (child->child) {
            int r = check_duplicates(child, err);
            if (r < 0)
                return r;
        }
    }
    if (!cJSON_IsObject(node) || count < 2)
        return 0;
    cleanup_free const char **names = xcalloc(count, sizeof *names);
    size_t i = 0;
    for (const cJSON *child = node->child; child; child = child->next)
        names[i++] = child->string;
    qsort(names, count, sizeof *names, by_name);
    for (i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return err_set_field(err, EBADMSG, names[i], "malformed JSON: duplicate key \"%.64s\"", names[i]);
    return 0;
}

int json_parse(const char *text, size_t len, cJSON **ret_root, struct err *err)
{
    struct err unused;
    struct scan s = {.text = text, .len = len, .err = err ? err : &unused};
    int r = scan(&s);
    if (r < 0)
        return r;
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, false);
    s.at = end ? (size_t)(end - text) : len;
    if (!root)
        return malformed(&s, len ? "unexpected character" : "it is empty");
    while (s.at < len && strchr(" \t\r\n", text[s.at]))
        s.at++;
    r = s.at < len ? malformed(&s, "bytes behind the end") : check_duplicates(root, s.err);
    if (r < 0) {
        cJSON_Delete(root);
        return r;
    }
    *ret_root = root;
    return 0;
}

/* ---- the writer ---------------------------------------------------------------------------------------------- */

static void begin_value(struct json_writer *w, const char *key)
{
    if (w->comma)
        buf_add_char(&w->buf, ',');
    if (key) {
        buf_add_char(&w->buf, '"');
        buf_add_str(&w->buf, key);
        buf_add(&w->buf, "\":", 2);
    }
    w->comma = true;
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
    begin_value(w, key);
    buf_add_char(&w->buf, bracket);
    w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
    buf_add_char(&w->buf, bracket);
    w->comma = true;
}

/* Bytes that stand in a JSON string as they are, by themselves. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_escape(struct buf *b, unsigned char c)
{
    static const char letters[128] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (letters[c]) {
        char two[2] = {'\\', letters[c]};
        buf_add(b, two, 2);
    } else {
        char six[6] = {'\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]};
        buf_add(b, six, sizeof six);
    }
}

bool json_put_bytes(struct json_writer *w, const char *key, const char *data, size_t len)
{
    const unsigned char *s = (const unsigned char *)data;
    bool replaced = false;
    begin_value(w, key);
    buf_reserve(&w->buf, len + 2);
    buf_add_char(&w->buf, '"');
    size_t plain = 0; /* bytes before i that are still to be copied as they are */
    for (size_t i = 0; i < len;) {
        size_t step = is_plain(s[i]) ? 1 : utf8_length(data + i, len - i);
        if (step > 1 || is_plain(s[i])) {
            plain += step;
            i += step;
            continue;
        }
        buf_add(&w->buf, data + i - plain, plain);
        plain = 0;
        if (step == 0) {
            buf_add_str(&w->buf, "\xef\xbf\xbd");
            replaced = true;
        } else {
            put_escape(&w->buf, s[i]);
        }
        i++;
    }
    if (plain)
        buf_add(&w->buf, data + len - plain, plain);
    buf_add_char(&w->buf, '"');
    return replaced;
}

void json_put_str(struct json_writer *w, const char *key, const char *value)
{
    if (value)
        json_put_bytes(w, key, value, strlen(value));
    else
        json_put_null(w, key);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
    begin_value(w, key);
    buf_printf(&w->buf, "%lld", (long long)value);
}

void json_put_double(struct json_writer *w, const char *key, double value)
{
    begin_value(w, key);
    if (!isfinite(value)) {
        buf_add_str(&w->buf, "null");
        return;
    }
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_str(&w->buf, text);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
    begin_value(w, key);
    buf_add_str(&w->buf, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *key)
{
    begin_value(w, key);
    buf_add_str(&w->buf, "null");
}

void json_put_raw(struct json_writer *w, const char *key, const char *json, size_t len)
{
    begin_value(w, key);
    buf_add(&w->buf, json, len);
}

/* ---- base64 (RFC 4648, section 4) ---------------------------------------------------------------------------- */

/* The digits, and the padding behind them. */
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

void json_put_base64(struct json_writer *w, const char *key, const void *data, size_t len)
{
    const unsigned char *s = data;
    begin_value(w, key);
    buf_reserve(&w->buf, (len + 2) / 3 * 4 + 2);
    buf_add_char(&w->buf, '"');
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)s[i] << 16 | (left > 1 ? (uint32_t)s[i + 1] << 8 : 0) | (left > 2 ? s[i + 2] : 0);
        buf_add_char(&w->buf, base64_digits[bits >> 18]);
        buf_add_char(&w->buf, base64_digits[bits >> 12 & 63]);
        buf_add_char(&w->buf, base64_digits[left > 1 ? bits >> 6 & 63 : 64]);
        buf_add_char(&w->buf, base64_digits[left > 2 ? bits & 63 : 64]);
    }
    buf_add_char(&w->buf, '"');
}

int base64_decode(const char *text, size_t len, char **ret_data, size_t *ret_len)
{
    if (len % 4 != 0)
        return -EINVAL;
    size_t padding = len && text[len - 1] == '=' ? (text[len - 2] == '=' ? 2 : 1) : 0;
    cleanup_free char *data = xmalloc(len / 4 * 3 + 1);
    size_t out = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = memchr(base64_digits, text[i], 64);
        bool pad = i >= len - padding;
        if (!digit && !pad)
            return -EINVAL;
        bits = bits << 6 | (pad ? 0 : (uint32_t)(digit - base64_digits));
        if (i % 4 == 3) {
            data[out++] = (char)(bits >> 16);
            data[out++] = (char)(bits >> 8);
            data[out++] = (char)bits;
            bits = 0;
        }
    }
    out -= padding;
    data[out] = '\0';
    *ret_data = steal_pointer(&data);
    *ret_len = out;
    return 0;
}
