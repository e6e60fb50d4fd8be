/* Owns the compiled patterns. A match is bounded by PCRE2's own match limit, so no code can keep the master busy: a
 * pattern that gives up has found nothing. */
#include "policy.h"
#include "buf.h"
#include "config.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { FINDINGS_MOST = 8, MATCH_LIMIT = 200000, DEPTH_LIMIT = 1000, INDENTS_MOST = 256 };

struct pattern {
    const char *name; /* the language file's */
    pcre2_code *code;
};

struct lang_policy {
    const char *language; /* borrowed */
    enum policy_mode mode;
    struct pattern *patterns;
    size_t count;
};

struct policy {
    struct lang_policy *langs; /* as the table's */
    size_t count;
    int64_t max_nesting, max_line, max_tokens; /* 0: none */
    pcre2_match_context *context;
};

/* What was found up to now. */
struct findings {
    struct buf text;
    size_t count;
};

/* ---- the setting ----------------------------------------------------------------------------------------------- */

static int mode_parse(const char *name, size_t len, enum policy_mode *ret_mode)
{
    static const char *const names[] = {"off", "warn", "block"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0) {
            *ret_mode = (enum policy_mode)i;
            return 0;
        }
    return -EINVAL;
}

/* One word of "warn,python=block": a mode for all, or for a language. */
static int read_word(struct policy *policy, const char *word, size_t len, struct err *err)
{
    const char *equals = memchr(word, '=', len);
    size_t name_len = equals ? (size_t)(equals - word) : 0;
    const char *mode_name = equals ? equals + 1 : word;
    enum policy_mode mode = POLICY_OFF;
    size_t set = 0;
    int r = mode_parse(mode_name, len - (size_t)(mode_name - word), &mode);
    for (size_t i = 0; r == 0 && i < policy->count; i++) {
        const char *language = policy->langs[i].language;
        if (equals && (strlen(language) != name_len || strncmp(language, word, name_len) != 0))
            continue;
        policy->langs[i].mode = mode;
        set++;
    }
    if (r < 0 || (equals && set == 0))
        return err_set_field(err, EINVAL, "code-policy",
                             "code-policy has \"%.*s\": its words are off, warn, block, or LANGUAGE=one of them",
                             len < 64 ? (int)len : 64, word);
    return 0;
}

static int read_setting(struct policy *policy, const char *text, struct err *err)
{
    int r = 0;
    while (r == 0 && *(text += strspn(text, ", "))) {
        size_t len = strcspn(text, ", ");
        r = read_word(policy, text, len, err);
        text += len;
    }
    return r;
}

static int compile(struct lang_policy *to, const struct lang *lang, struct err *err)
{
    to->language = lang->name;
    to->patterns = xcalloc(lang->policy_count + 1, sizeof *to->patterns);
    for (size_t i = 0; i < lang->policy_count; i++) {
        int code;
        PCRE2_SIZE at;
        PCRE2_UCHAR why[160] = "";
        struct pattern *pattern = &to->patterns[to->count];
        pattern->name = lang->policy[i].name;
        pattern->code = pcre2_compile((PCRE2_SPTR)lang->policy[i].pattern, PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE,
                                      &code, &at, NULL);
        if (!pattern->code) {
            pcre2_get_error_message(code, why, sizeof why);
            return err_set_field(err, EINVAL, "policy",
                                 "language %s: policy \"%s\": its pattern is wrong at byte %zu: %s", lang->name,
                                 pattern->name, (size_t)at, (const char *)why);
        }
        to->count++;
    }
    return 0;
}

int policy_create(const struct config *config, const struct lang_table *langs, struct policy **ret_policy,
                  struct err *err)
{
    struct policy *policy = xcalloc(1, sizeof *policy);
    policy->langs = xcalloc(langs->count + 1, sizeof *policy->langs);
    policy->max_nesting = config->policy_nesting;
    policy->max_line = config->policy_line;
    policy->max_tokens = config->policy_tokens;
    policy->context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(policy->context, MATCH_LIMIT);
    pcre2_set_depth_limit(policy->context, DEPTH_LIMIT);
    int r = 0;
    for (size_t i = 0; r == 0 && i < langs->count; i++) {
        policy->count++;
        r = compile(&policy->langs[i], &langs->langs[i], err);
    }
    if (r == 0)
        r = read_setting(policy, config->code_policy, err);
    if (r < 0)
        policy_destroy(policy);
    else
        *ret_policy = policy;
    return r;
}

void policy_destroy(struct policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->count; i++) {
        for (size_t k = 0; k < policy->langs[i].count; k++)
            pcre2_code_free(policy->langs[i].patterns[k].code);
        free(policy->langs[i].patterns);
    }
    pcre2_match_context_free(policy->context);
    free(policy->langs);
    free(policy);
}

/* ---- findings -------------------------------------------------------------------------------------------------- */

static void add_finding(struct findings *found, const struct bytes *code, size_t at, const char *what)
{
    size_t line = 1, column = 1;
    if (found->count++ >= FINDINGS_MOST)
        return;
    for (size_t i = 0; i < at && i < code->len; i++) {
        column = code->data[i] == '\n' ? 1 : column + 1;
        line += code->data[i] == '\n';
    }
    buf_printf(&found->text, "%sline %zu, column %zu: %s", found->text.len ? "; " : "", line, column, what);
}

static void match(const struct policy *policy, const struct pattern *pattern, const struct bytes *code,
                  struct findings *found)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    size_t at = 0;
    while (at <= code->len && found->count < FINDINGS_MOST &&
           pcre2_match(pattern->code, (PCRE2_SPTR)code->data, code->len, at, 0, data, policy->context) >= 0) {
        const PCRE2_SIZE *where = pcre2_get_ovector_pointer(data);
        add_finding(found, code, where[0], pattern->name);
        at = where[1] > where[0] ? where[1] : where[1] + 1;
    }
    pcre2_match_data_free(data);
}

/* ---- complexity ------------------------------------------------------------------------------------------------ */

struct measure {
    size_t nesting, nesting_at;
    size_t line, line_at;
    size_t tokens;
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

/* Brackets that are open. Those in strings and comments count too: this is a measure, no parser. */
static void measure_nesting(const struct bytes *code, struct measure *m)
{
    size_t open = 0;
    for (size_t i = 0; i < code->len; i++) {
        if (strchr("([{", code->data[i]) && code->data[i] && ++open > m->nesting) {
            m->nesting = open;
            m->nesting_at = i;
        } else if (strchr(")]}", code->data[i]) && code->data[i] && open > 0) {
            open--;
        }
    }
}

/* Widths of indentation that are open, for languages whose blocks have no brackets. */
static void measure_indents(const struct bytes *code, struct measure *m)
{
    size_t widths[INDENTS_MOST], open = 0;
    for (size_t at = 0; at < code->len;) {
        const char *end = memchr(code->data + at, '\n', code->len - at);
        size_t len = end ? (size_t)(end - code->data) - at : code->len - at, width = 0;
        while (width < len && strchr(" \t", code->data[at + width]) && code->data[at + width])
            width++;
        while (width < len && open > 0 && widths[open - 1] >= width)
            open--;
        if (width > 0 && width < len && open < INDENTS_MOST)
            widths[open++] = width;
        if (open > m->nesting) {
            m->nesting = open;
            m->nesting_at = at;
        }
        if (len > m->line) {
            m->line = len;
            m->line_at = at;
        }
        at += len + 1;
    }
}

static void measure_tokens(const struct bytes *code, struct measure *m)
{
    for (size_t i = 0; i < code->len; i++) {
        char c = code->data[i];
        bool inside = i > 0 && is_word(code->data[i - 1]);
        m->tokens += is_word(c) ? !inside : c > ' ';
    }
}

static void check_complexity(const struct policy *policy, const struct bytes *code, struct findings *found)
{
    struct measure m = {0};
    char what[96];
    measure_nesting(code, &m);
    measure_indents(code, &m);
    measure_tokens(code, &m);
    if (policy->max_nesting && m.nesting > (size_t)policy->max_nesting) {
        snprintf(what, sizeof what, "nesting deeper than %lld", (long long)policy->max_nesting);
        add_finding(found, code, m.nesting_at, what);
    }
    if (policy->max_line && m.line > (size_t)policy->max_line) {
        snprintf(what, sizeof what, "a line of %zu bytes, at most %lld", m.line, (long long)policy->max_line);
        add_finding(found, code, m.line_at, what);
    }
    if (policy->max_tokens && m.tokens > (size_t)policy->max_tokens) {
        snprintf(what, sizeof what, "%zu tokens, at most %lld", m.tokens, (long long)policy->max_tokens);
        add_finding(found, code, 0, what);
    }
}

/* ---- the check ------------------------------------------------------------------------------------------------- */

static const struct lang_policy *find(const struct policy *policy, const char *language)
{
    for (size_t i = 0; i < policy->count; i++)
        if (strcmp(policy->langs[i].language, language) == 0)
            return &policy->langs[i];
    return NULL;
}

struct policy_result policy_check(const struct policy *policy, const struct submission *submission)
{
    struct policy_result result = {.mode = POLICY_OFF};
    const struct lang_policy *rules = find(policy, submission->language);
    struct findings found = {0};
    if (!rules || rules->mode == POLICY_OFF)
        return result;
    for (size_t i = 0; i < submission->file_count && found.count < FINDINGS_MOST; i++) {
        const struct bytes *code = &submission->files[i].content;
        size_t before = found.count;
        if (code->len == 0)
            continue;
        for (size_t k = 0; k < rules->count; k++)
            match(policy, &rules->patterns[k], code, &found);
        check_complexity(policy, code, &found);
        if (before == 0 && found.count > 0)
            snprintf(result.field, sizeof result.field, "files[%zu].content", i);
    }
    if (found.count > 0) {
        result.mode = rules->mode;
        snprintf(result.text, sizeof result.text, "%s", found.text.data);
    }
    buf_finish(&found.text);
    return result;
}
