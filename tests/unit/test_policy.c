/* policy.[ch]: what is found where, what is allowed, and that no code makes it slow. */
#include "config.h"
#include "policy.h"
#include "tap.h"

#include <errno.h>

static struct lang_table langs;

static struct policy *make(const char *setting, int64_t nesting, int64_t line, int64_t tokens)
{
    struct config config = {.policy_nesting = nesting, .policy_line = line, .policy_tokens = tokens};
    struct policy *policy = NULL;
    struct err err = {0};
    cleanup_free char *text = xstrdup(setting);
    config.code_policy = text;
    if (!ok(policy_create(&config, &langs, &policy, &err) == 0, "made: %s", setting))
        printf("#   %s\n", err.msg);
    return policy;
}

static struct policy_result check(const struct policy *policy, const char *language, const char *code, size_t len)
{
    struct source_file files[2] = {{.name = (char *)"main", .content = {(char *)"\n", 1}},
                                   {.name = (char *)"other", .content = {(char *)code, len}}};
    struct submission submission = {.language = (char *)language, .files = files, .file_count = 2};
    return policy_check(policy, &submission);
}

static void found(const struct policy *policy, const char *language, const char *code, const char *want)
{
    struct policy_result result = check(policy, language, code, strlen(code));
    if (!ok(result.mode != POLICY_OFF && strstr(result.text, want) && strcmp(result.field, "files[1].content") == 0,
            "%s: %s", language, want))
        printf("#   mode %d, field \"%s\", text \"%s\"\n", result.mode, result.field, result.text);
}

static void clean(const struct policy *policy, const char *language, const char *code)
{
    struct policy_result result = check(policy, language, code, strlen(code));
    if (!ok(result.mode == POLICY_OFF, "%s: nothing is found", language))
        printf("#   text \"%s\"\n", result.text);
}

static void test_patterns(void)
{
    struct policy *policy = make("block", 0, 0, 0);
    found(policy, "python", "print(1)\n  import os, sys\n", "line 2, column 1: import of a module");
    found(policy, "python", "from subprocess import run", "line 1, column 1: import of a module");
    found(policy, "python", "x = 1\ny = eval('1')\nz = __import__('os')", "line 3, column 5: import by name");
    found(policy, "python", "eval('1')\nexec('2')", "line 1, column 1: eval or exec; line 2, column 1: eval or exec");
    clean(policy, "python", "import math, json\nimport osmium\nmodel.eval()\nreopen(1)\nprint('import os')");
    found(policy, "javascript", "const c = require('node:child_process')", "import of a module");
    found(policy, "typescript", "import fs from \"fs\"", "import of a module");
    clean(policy, "javascript", "const readline = require('readline'); retrieval(1)");
    found(policy, "c", "#include <sys/socket.h>\nint main(void) { return system(\"ls\"); }",
          "call that starts a program");
    found(policy, "cpp", "# include <unistd.h>", "include of a system header");
    clean(policy, "c", "#include <stdio.h>\nint main(void) { return filesystem(1); }");
    found(policy, "java", "import java.net.Socket;", "import of a package");
    found(policy, "go", "import (\n\t\"fmt\"\n\t\"os/exec\"\n)", "line 3, column 1: import of a package");
    clean(policy, "go", "import (\n\t\"fmt\"\n\t\"os\"\n)");
    found(policy, "rust", "fn main() { unsafe { } }", "unsafe");
    policy_destroy(policy);
}

static void test_modes(void)
{
    struct policy *policy = make("warn, python=block,c=off", 0, 0, 0);
    is_int(check(policy, "python", "eval(1)", 7).mode, POLICY_BLOCK, "a language's own mode");
    is_int(check(policy, "javascript", "eval(1)", 7).mode, POLICY_WARN, "the others'");
    is_int(check(policy, "c", "system(1)", 9).mode, POLICY_OFF, "off");
    policy_destroy(policy);
    policy = make("off", 1, 1, 1);
    is_int(check(policy, "python", "eval((((1))))", 13).mode, POLICY_OFF, "off means limits too");
    policy_destroy(policy);
    static const char *const bad[] = {"maybe", "python=", "cobol=warn", "python=block=warn", "warn,,=off"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct config config = {.code_policy = (char *)bad[i]};
        struct err err = {0};
        ok(policy_create(&config, &langs, &policy, &err) == -EINVAL && strstr(err.msg, "code-policy"), "refused: %s",
           bad[i]);
    }
}

static void test_complexity(void)
{
    struct policy *policy = make("warn", 3, 40, 20);
    found(policy, "python", "f(g(h(\n[1])))", "line 2, column 1: nesting deeper than 3");
    found(policy, "python", "if 1:\n if 1:\n  if 1:\n   if 1:\n    pass\n", "nesting deeper than 3");
    clean(policy, "python", "if 1:\n  if 1:\n    a()\n  b()\nc()\n  \n      \n");
    found(policy, "python", "a\n#2345678901234567890123456789012345678901",
          "line 2, column 1: a line of 41 bytes, at most 40");
    found(policy, "python", "1+1+1+1+1\n+1+1+1+1+1+1+1", "line 1, column 1: 23 tokens, at most 20");
    policy_destroy(policy);
}

/* A pattern of the kind that takes exponential time, and code that is meant for it. */
static void test_hostile(void)
{
    enum { LONG = 50000 };
    struct lang_rule rule = {.name = (char *)"bomb", .pattern = (char *)"(a+)+$"};
    struct lang lang = langs.langs[0];
    struct lang_table table = {.langs = &lang, .count = 1};
    struct config config = {.code_policy = (char *)"block"};
    struct policy *policy = NULL;
    struct err err = {0};
    char *code = xmalloc(LONG);
    memset(code, 'a', LONG);
    code[LONG - 1] = '!';
    lang.policy = &rule;
    lang.policy_count = 1;
    if (is_int(policy_create(&config, &table, &policy, &err), 0, "a careless pattern")) {
        is_int(check(policy, lang.name, code, LONG).mode, POLICY_OFF, "gives up and has found nothing");
        memset(code, '(', LONG);
        is_int(check(policy, lang.name, code, LONG).mode, POLICY_OFF, "any depth can be measured");
        memset(code, '\0', LONG);
        is_int(check(policy, lang.name, code, LONG).mode, POLICY_OFF, "and any bytes");
        policy_destroy(policy);
    }
    rule.pattern = (char *)"(unclosed";
    ok(policy_create(&config, &table, &policy, &err) == -EINVAL && strstr(err.msg, "at byte 9"),
       "a wrong pattern: where");
    free(code);
}

int main(void)
{
    struct err err = {0};
    struct lang_ceilings ceilings = {.most = {120000, 300000, 1024, 256, 4096, 102400, 4000}};
    if (!is_int(lang_table_load(SHIPPED_LANGUAGES, "all", &ceilings, false, &langs, &err), 0, "the shipped languages"))
        return done_testing();
    test_patterns();
    test_modes();
    test_complexity();
    test_hostile();
    lang_table_finish(&langs);
    return done_testing();
}
