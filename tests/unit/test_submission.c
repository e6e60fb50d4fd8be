/* submission.[ch]: what a client may post, and what it is told when it may not. */
#include "submission.h"
#include "tap.h"

#include <errno.h>

static struct lang_table langs;
static struct submission_rules rules;

static int parse(const char *text, struct submission *s, struct err *err)
{
    *s = (struct submission){0};
    *err = (struct err){0};
    return submission_parse(text, strlen(text), &rules, s, err);
}

static void test_accepted(void)
{
    struct submission s;
    struct err err;

    is_int(parse("{\"language\":\"python\",\"code\":\"print(1)\"}", &s, &err), 0, "the least there can be");
    is_str(s.language, "python", "the language");
    is_str(s.files[0].name, "main.py", "code gets the language's file name");
    is_str(s.files[0].content.data, "print(1)", "the code");
    ok(s.single_input && s.test_count == 1 && !s.tests[0].has_expected, "one run with nothing on its input");
    is_int(s.limits.cpu_ms, 0, "limits are left to the language");
    submission_finish(&s);

    is_int(parse("{\"language\":\"python\",\"code\":\"\",\"stdin\":\"abc\",\"timeout\":1.5,\"args\":[\"a\",\"\"],"
                 "\"priority\":true,\"userId\":\"u\",\"metadata\":{\"a\":[1,null]},\"compare\":\"float:1e-3\","
                 "\"stopOnFailure\":true}",
                 &s, &err),
           0, "all simple fields");
    is_int((long long)s.files[0].content.len, 0, "an empty program is a program");
    is_str(s.tests[0].input.data, "abc", "stdin is input");
    ok(s.limits.cpu_ms == 1500 && s.limits.wall_ms == 1500, "timeout is CPU and wall time");
    ok(s.arg_count == 2 && strcmp(s.args[1], "") == 0, "arguments");
    ok(s.priority && s.stop_on_failure, "flags");
    is_str(s.metadata, "{\"a\":[1,null]}", "metadata is kept as JSON");
    ok(s.compare == COMPARE_FLOAT && s.compare_epsilon == 1e-3, "comparison with its epsilon");
    submission_finish(&s);

    is_int(parse("{\"testCases\":[{\"input\":\"5\",\"expected\":\"10\",\"hidden\":true,\"name\":\"n\"},"
                 "{\"expected\":\"AAE=\",\"encoding\":\"base64\"}],\"encoding\":\"base64\",\"code\":\"AP8=\","
                 "\"language\":\"python\",\"limits\":{\"cpuTimeMs\":50,\"wallTimeMs\":300000,\"memoryMb\":64,"
                 "\"processes\":2,\"outputKb\":1,\"fileKb\":1,\"cpus\":0.5}}",
                 &s, &err),
           0, "test cases and limits");
    ok(!s.single_input && s.test_count == 2, "two tests");
    ok(s.tests[0].hidden && strcmp(s.tests[0].name, "n") == 0, "a hidden one with a name");
    ok(s.tests[1].expected.len == 2 && memcmp(s.tests[1].expected.data, "\0\1", 2) == 0, "base64 carries NUL");
    ok(s.tests[1].input.len == 0, "input may be left out");
    ok(s.files[0].content.len == 2 && memcmp(s.files[0].content.data, "\0\xff", 2) == 0, "so does code");
    ok(s.limits.cpus_milli == 500 && s.limits.cpu_ms == 50 && s.limits.memory_mb == 64, "limits");
    submission_finish(&s);

    is_int(parse("{\"language\":\"c\",\"compileFlags\":[\"-O2\",\"-DN=3\",\"-std=c11\",\"-lm\",\"-fno-exceptions\"],"
                 "\"files\":[{\"name\":\"main.c\",\"content\":\"\"},{\"name\":\"lib/a.c\",\"content\":\"QQ==\","
                 "\"encoding\":\"base64\"}]}",
                 &s, &err),
           0, "files and flags");
    ok(s.file_count == 2 && strcmp(s.files[1].name, "lib/a.c") == 0 && strcmp(s.files[1].content.data, "A") == 0,
       "files keep their order");
    is_int((long long)s.compile_flag_count, 5, "flags");
    submission_finish(&s);
}

#define MINIMAL "\"language\":\"python\",\"code\":\"\""
#define C_FILES "\"language\":\"c\",\"files\":"

static const struct {
    const char *body;
    int code;
    const char *field;
} refused[] = {
    {"", EBADMSG, ""},
    {"{", EBADMSG, ""},
    {"{" MINIMAL "} x", EBADMSG, ""},
    {"[]", EINVAL, ""},
    {"{\"code\":\"\"}", EINVAL, "language"},
    {"{\"language\":7,\"code\":\"\"}", EINVAL, "language"},
    {"{\"language\":\"cobol\",\"code\":\"\"}", EINVAL, "language"},
    {"{\"language\":\"python\"}", EINVAL, "code"},
    {"{\"language\":\"python\",\"code\":null}", EINVAL, "code"},
    {"{\"language\":\"python\",\"code\":\"a\\u0000b\"}", EINVAL, "code"},
    {"{\"language\":\"python\",\"code\":\"0123456789012345678901234567890\"}", EINVAL, "code"},
    {"{\"language\":\"python\",\"code\":\"*\",\"encoding\":\"base64\"}", EINVAL, "code"},
    {"{" MINIMAL ",\"encoding\":\"latin1\"}", EINVAL, "encoding"},
    {"{" MINIMAL ",\"files\":[]}", EINVAL, "code"},
    {"{" MINIMAL ",\"inputs\":\"\"}", EINVAL, "inputs"},
    {"{" MINIMAL ",\"input\":\"\",\"stdin\":\"\"}", EINVAL, "stdin"},
    {"{" MINIMAL ",\"input\":\"\",\"testCases\":[{\"expected\":\"\"}]}", EINVAL, "input"},
    {"{" MINIMAL ",\"testCases\":[]}", EINVAL, "testCases"},
    {"{" MINIMAL ",\"testCases\":[{\"expected\":\"\"},{\"expected\":\"\"},{\"expected\":\"\"},{\"expected\":\"\"}]}",
     EINVAL, "testCases"},
    {"{" MINIMAL ",\"testCases\":[{\"expected\":\"\"},{\"input\":\"\"}]}", EINVAL, "testCases[1].expected"},
    {"{" MINIMAL ",\"testCases\":[{\"expected\":\"\"},{\"expcted\":\"\"}]}", EINVAL, "testCases[1].expcted"},
    {"{" MINIMAL ",\"testCases\":[3]}", EINVAL, "testCases[0]"},
    {"{" MINIMAL ",\"testCases\":[{\"expected\":\"\",\"hidden\":1}]}", EINVAL, "testCases[0].hidden"},
    {"{" MINIMAL ",\"limits\":{\"cpuTimeMs\":49}}", EINVAL, "limits.cpuTimeMs"},
    {"{" MINIMAL ",\"limits\":{\"cpuTimeMs\":100.5}}", EINVAL, "limits.cpuTimeMs"},
    {"{" MINIMAL ",\"limits\":{\"cpuTimeMs\":1e300}}", EINVAL, "limits.cpuTimeMs"},
    {"{" MINIMAL ",\"limits\":{\"memoryMb\":\"64\"}}", EINVAL, "limits.memoryMb"},
    {"{" MINIMAL ",\"limits\":{\"cpus\":0}}", EINVAL, "limits.cpus"},
    {"{" MINIMAL ",\"limits\":{\"cpu\":1}}", EINVAL, "limits.cpu"},
    {"{" MINIMAL ",\"limits\":3}", EINVAL, "limits"},
    {"{" MINIMAL ",\"timeout\":0}", EINVAL, "timeout"},
    {"{" MINIMAL ",\"timeout\":121}", EINVAL, "timeout"},
    {"{" MINIMAL ",\"timeout\":1,\"limits\":{\"cpuTimeMs\":100}}", EINVAL, "timeout"},
    {"{" MINIMAL ",\"args\":[1]}", EINVAL, "args[0]"},
    {"{" MINIMAL ",\"args\":\"a\"}", EINVAL, "args"},
    {"{" MINIMAL ",\"compileFlags\":[\"-O2\"]}", EINVAL, "compileFlags"},
    {"{" MINIMAL ",\"compare\":\"float:0\"}", EINVAL, "compare"},
    {"{" MINIMAL ",\"compare\":\"float:nan\"}", EINVAL, "compare"},
    {"{" MINIMAL ",\"compare\":\"regex\"}", EINVAL, "compare"},
    {"{" MINIMAL ",\"priority\":\"high\"}", EINVAL, "priority"},
    {"{" MINIMAL ",\"userId\":\"a\\nb\"}", EINVAL, "userId"},
    {"{" MINIMAL ",\"metadata\":[]}", EINVAL, "metadata"},
    {"{" MINIMAL ",\"callbackUrl\":\"https://example.org/\"}", EINVAL, "callbackUrl"},
    {"{" C_FILES "[]}", EINVAL, "files"},
    {"{" C_FILES "[{\"name\":\"a.c\"}]}", EINVAL, "files[0].content"},
    {"{" C_FILES "[{\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"/a.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"a/../../b.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"..\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"./a.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"a//b.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"a/\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"-o.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"@a.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"a\\u0007.c\",\"content\":\"\"}]}", EINVAL, "files[0].name"},
    {"{" C_FILES "[{\"name\":\"a.c\",\"content\":\"\"},{\"name\":\"a.c\",\"content\":\"\"}]}", EINVAL, "files"},
    {"{" C_FILES "[{\"name\":\"a/b\",\"content\":\"\"},{\"name\":\"a\",\"content\":\"\"},{\"name\":\"a-\",\"content\":"
     "\"\"}]}",
     EINVAL, "files"},
    {"{" C_FILES "[{\"name\":\"a.c\",\"content\":\"0123456789012345\"},{\"name\":\"b.c\",\"content\":"
     "\"0123456789012345\"}]}",
     EINVAL, "files"},
    {"{" C_FILES "[{\"name\":\"a.c\",\"content\":\"\"}],\"encoding\":\"base64\"}", EINVAL, "encoding"},
};

static const char *const refused_flags[] = {
    "main.c",   "@flags",   "-I/etc", "-o",    "-Wl,-z,now", "-fplugin=x",      "-B.", "-specs=x", "-x",
    "-wrapper", "-include", "-l",     "-Da/b", "",           "-DX=\\\"a b\\\"",
};

static void test_refused(void)
{
    struct submission s;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        int r = parse(refused[i].body, &s, &err);
        if (!ok(r == -refused[i].code && strcmp(err.field, refused[i].field) == 0 && *err.msg, "refused: %s",
                refused[i].body))
            printf("#   got %d, field \"%s\": %s\n", r, err.field, err.msg);
        if (r == 0)
            submission_finish(&s);
    }
    for (size_t i = 0; i < ARRAY_LEN(refused_flags); i++) {
        cleanup_free char *body =
            xasprintf("{\"language\":\"c\",\"code\":\"\",\"compileFlags\":[\"-O2\",\"%s\"]}", refused_flags[i]);
        int r = parse(body, &s, &err);
        ok(r == -EINVAL && strcmp(err.field, "compileFlags[1]") == 0, "refused flag: %s", refused_flags[i]);
        if (r == 0)
            submission_finish(&s);
    }
}

static void test_messages(void)
{
    struct submission s;
    struct err err;
    ok(parse("{\"language\":\"cobol\",\"code\":\"\"}", &s, &err) < 0 &&
           strcmp(err.msg, "language must be one of c, cpp, python") == 0,
       "an unknown language is told which ones there are");
    ok(parse("{" MINIMAL ",\"timeout\":121}", &s, &err) < 0 &&
           strcmp(err.msg, "timeout must be a number from 0.05 to 120") == 0,
       "a range is told");
}

int main(void)
{
    struct limits most = {.cpu_ms = 120000,
                          .wall_ms = 300000,
                          .memory_mb = 1024,
                          .processes = 256,
                          .output_kb = 4096,
                          .file_kb = 102400,
                          .cpus_milli = 4000};
    struct err err;
    if (lang_table_load(SHIPPED_LANGUAGES, "python,c,cpp", &(struct lang_ceilings){.most = most}, false, &langs, &err) <
        0) {
        printf("Bail out! %s\n", err.msg);
        return 1;
    }
    rules =
        (struct submission_rules){.langs = &langs, .most = most, .max_code_bytes = 30, .max_tests = 3, .max_files = 3};
    test_accepted();
    test_refused();
    test_messages();
    lang_table_finish(&langs);
    return done_testing();
}
