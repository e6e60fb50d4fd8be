/* lang.[ch]: the shipped files load, bad ones say where, and argv comes out as the file says. */
#include "buf.h"
#include "lang.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>

static const struct lang_ceilings ceilings = {.most = {.cpu_ms = 120000,
                                                       .wall_ms = 300000,
                                                       .memory_mb = 1024,
                                                       .processes = 256,
                                                       .output_kb = 4096,
                                                       .file_kb = 102400,
                                                       .cpus_milli = 4000}};

static char dir[] = "/tmp/sentinel-lang-XXXXXX";

static void write_file(const char *name, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(fd);
}

#define HEAD "{\"schema\":1,\"name\":\"toy\",\"displayName\":\"Toy\",\"description\":\"d\",\"example\":\"e\","
#define BODY \
    "\"sourceFile\":\"main.toy\",\"version\":[\"/bin/echo\",\"toy 1\"],\"environment\":{},\"grants\":[\"/usr\"]"
#define LIMITS "{\"cpuTimeMs\":1000,\"memoryMb\":64,\"processes\":4,\"outputKb\":64,\"fileKb\":64,\"cpus\":0.5}"
#define RUN ",\"run\":{\"argv\":[\"/bin/cat\",\"{main}\",\"-m{memoryMb}\",\"{args}\"],\"limits\":" LIMITS "}"

static void refused(const char *text, const char *part)
{
    struct lang_table table;
    struct err err = {0};
    write_file("toy.json", text);
    int r = lang_table_load(dir, "all", &ceilings, true, &table, &err);
    if (!ok(r == -EINVAL || r == -EBADMSG, "refused: %s", part) || !strstr(err.msg, part))
        ok(false, "r=%d msg=\"%s\"", r, err.msg);
    if (r == 0)
        lang_table_finish(&table);
}

static void test_refusals(void)
{
    refused("{\n\"schema\":1,\n\"name\" 7}", "line 3");
    refused("{\"schema\":2}", "field \"schema\" must be 1");
    refused("{\"schema\":1,\"name\":\"Toy!\"}", "[a-z][a-z0-9]{0,15}");
    refused(HEAD BODY RUN ",\"colour\":\"red\"}", "field \"colour\" is unknown");
    refused(HEAD BODY ",\"run\":{\"argv\":[\"cat\"],\"limits\":" LIMITS "}}", "absolute path");
    refused(HEAD BODY ",\"run\":{\"argv\":[\"/bin/cat\"]}}", "\"limits\" must be an object");
    refused(HEAD BODY ",\"run\":{\"argv\":[\"/bin/cat\"],\"limits\":{\"cpuTimeMs\":1e9}}}", "from 1 to 120000");
    refused(HEAD BODY ",\"run\":{\"argv\":[\"/bin/cat\"],\"limits\":{\"cpuTimeMs\":1,\"memory\":1}}}", "memoryMb");
    refused(HEAD BODY "}", "field \"run\"");
    refused(HEAD "\"sourceFile\":\"../x\"}", "sourceFile");
}

static void test_argv(void)
{
    struct lang_table table;
    struct err err = {0};
    write_file("toy.json", HEAD BODY RUN "}");
    is_int(lang_table_load(dir, "toy", &ceilings, true, &table, &err), 0, "a good file loads");
    const struct lang *toy = lang_find(&table, "toy");
    struct source_file file = {.name = (char[]){"-e.toy"}};
    char one[] = "one", two[] = "t w o", *args[] = {one, two};
    struct submission s = {.files = &file, .file_count = 1, .args = args, .arg_count = 2};
    struct limits l = lang_resolve_limits(toy, &(struct limits){.cpu_ms = 200, .memory_mb = 99});
    char **argv = lang_argv(toy, &toy->run, &s, &l, NULL);
    struct buf joined = {0};
    for (char **at = argv; *at; at++)
        buf_printf(&joined, "[%s]", *at);
    is_str(joined.data, "[/bin/cat][./-e.toy][-m99][one][t w o]", "argv is expanded, a name is no option");
    is_int(l.wall_ms, 600, "wall time follows CPU time");
    is_int(lang_resolve_limits(toy, &(struct limits){.cpu_ms = 120000}).wall_ms, 300000, "under its ceiling");
    is_int(l.cpus_milli, 500, "the rest is the language's");
    char *version = NULL;
    is_int(lang_detect_version(toy, &version, &err), 0, "the version command runs");
    is_str(version, "toy 1", "and its first line is taken");
    free(version);
    buf_finish(&joined);
    lang_argv_free(argv);
    lang_table_finish(&table);
}

static void test_normalize(void)
{
    struct lang_table table;
    struct err err = {0};
    struct {
        char name[8], given[16];
        const char *kept;
    } of[] = {
        {"main",
         "\xef\xbb\xbf"
         "a\r\nb",
         "a\nb"},
        {"x.toy", "\r\r\n\r", "\r\n\r"},
        {"x.txt", "\r\n", "\r\n"},
        {"y.toy", "\xef\xbb", "\xef\xbb"},
        {"z.toy", "", ""},
    };
    struct source_file files[ARRAY_LEN(of)];
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        files[i] = (struct source_file){.name = of[i].name, .content = {of[i].given, strlen(of[i].given)}};
    write_file("toy.json", HEAD BODY RUN ",\"sourceSuffixes\":[\".toy\"],\"normalize\":[\"crlf\",\"bom\"]}");
    is_int(lang_table_load(dir, "toy", &ceilings, false, &table, &err), 0, "a language that normalises");
    lang_normalize(lang_find(&table, "toy"), &(struct submission){.files = files, .file_count = ARRAY_LEN(of)});
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        ok(files[i].content.len == strlen(of[i].kept) &&
               memcmp(files[i].content.data, of[i].kept, strlen(of[i].kept)) == 0,
           "%s is as it should be", of[i].name);
    lang_table_finish(&table);
    write_file("toy.json", HEAD BODY RUN ",\"normalize\":[\"tabs\"]}");
    is_int(lang_table_load(dir, "toy", &ceilings, false, &table, &err), -EINVAL, "nothing else can be normalised");
    ok(strstr(err.msg, "\"normalize\"") != NULL, "and the field is named");
}

/* A step, and each way in which it may be warm. */
static void test_warm(void)
{
    static const struct {
        const char *compile, *run;
        bool good;
    } of[] = {
        {"\"resident\"", "\"hold\"", true}, {"false", "\"fork\"", true}, {"\"fork\"", "false", false},
        {"\"hold\"", "false", false},       {"true", "false", false},    {"false", "\"resident\"", false},
    };
    struct lang_table table;
    struct err err = {0};
    char text[2048];
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        snprintf(text, sizeof text,
                 HEAD "\"sourceFile\":\"m\",\"version\":[\"/bin/echo\"],\"environment\":{},\"grants\":[\"/usr\"],"
                      "\"compile\":{\"argv\":[\"/bin/cat\"],\"collect\":[\"m\"],\"warm\":%s,\"limits\":" LIMITS "},"
                      "\"run\":{\"argv\":[\"/bin/cat\"],\"warm\":%s,\"limits\":" LIMITS "}}",
                 of[i].compile, of[i].run);
        write_file("toy.json", text);
        bool good = lang_table_load(dir, "toy", &ceilings, false, &table, &err) == 0;
        ok(good == of[i].good, "compile %s, run %s", of[i].compile, of[i].run);
        if (good)
            is_int(lang_find(&table, "toy")->compile.warm, i == 0 ? LANG_RESIDENT : LANG_COLD, "how it compiles");
        if (good)
            lang_table_finish(&table);
        else
            ok(strstr(err.msg, "\"warm\"") != NULL, "the field is named");
    }
}

static void test_placeholders(void)
{
    struct lang_table table;
    struct err err = {0};
    write_file("toy.json", HEAD "\"sourceFile\":\"m\",\"version\":[\"/bin/echo\"],\"environment\":{},\"grants\":"
                                "[\"/etc/host[n]ame\",\"/no/such-*\",\"/usr\"],\"run\":{\"argv\":[\"/bin/cat\","
                                "\"{dir}/toy/{stem}.out\",\"{args}{main}\",\"-e{entry}\"],\"limits\":" LIMITS "}}");
    is_int(lang_table_load(dir, "toy", &ceilings, false, &table, &err), 0, "patterns of grants load");
    const struct lang *toy = lang_find(&table, "toy");
    is_str(toy->grants[0], "/etc/hostname", "a pattern becomes what it matches");
    is_str(toy->grants[1], "/no/such-*", "one that matches nothing stays, to be missed by name");
    is_int((long long)toy->grant_count, 3, "and the others are there");
    static const char *const names[][2] = {{"src/a.b/main.x.toy", "/languages/toy/src/a.b/main.x.out"},
                                           {"a.b/main", "/languages/toy/a.b/main.out"},
                                           {".toy", "/languages/toy/.toy.out"},
                                           {"@m.toy", "/languages/toy/./@m.out"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_free char *name = xstrdup(names[i][0]);
        struct source_file file = {.name = name};
        char **argv = lang_argv(toy, &toy->run, &(struct submission){.files = &file, .file_count = 1},
                                &(struct limits){.memory_mb = 1}, i % 2 ? "a.b.Main" : NULL);
        is_str(argv[1], names[i][1], "the first file's stem, in the folder as the box shows it");
        is_str(argv[3], i % 2 ? "-ea.b.Main" : "-e", "what the compile step called the entry");
        lang_argv_free(argv);
    }
    lang_table_finish(&table);
    is_int(lang_table_load(dir, "toy", &ceilings, true, &table, &err), -ENOENT, "an executor wants every grant");
    ok(strstr(err.msg, "/no/such-*") != NULL, "and names what is not there");
}

static void test_names(void)
{
    struct lang_table table;
    struct err err = {0};
    is_int(lang_table_load(dir, "toy,lua", &ceilings, false, &table, &err), -EINVAL, "a named language must be there");
    ok(strstr(err.msg, "\"lua\"") != NULL, "and is named");
    cleanup_free char *path = xasprintf("%s/toy.json", dir);
    unlink(path);
    write_file("missing.json", "{\"schema\":1,\"name\":\"missing\",\"displayName\":\"M\",\"description\":\"d\","
                               "\"example\":\"e\"," BODY ",\"run\":{\"argv\":[\"/no/such\"],\"limits\":" LIMITS "}}");
    is_int(lang_table_load(dir, "missing", &ceilings, true, &table, &err), -ENOENT, "a named toolchain must be there");
    is_int(lang_table_load(dir, "all", &ceilings, true, &table, &err), -EINVAL, "with all it is left out");
    is_int(lang_table_load(dir, "all", &ceilings, false, &table, &err), 0, "a master does not look");
    lang_table_finish(&table);
}

static void test_shipped(void)
{
    struct lang_table table;
    struct err err = {0};
    if (!ok(lang_table_load(SHIPPED_LANGUAGES, "all", &ceilings, false, &table, &err) == 0, "shipped files load %s",
            err.msg))
        return;
    ok(lang_find(&table, "python") && lang_find(&table, "c") && lang_find(&table, "cpp"), "three are there");
    ok(lang_find(&table, "c++") == lang_find(&table, "cpp"), "an alias finds its language");
    lang_table_finish(&table);
}

int main(void)
{
    if (!mkdtemp(dir))
        abort();
    test_refusals();
    test_argv();
    test_normalize();
    test_warm();
    test_placeholders();
    test_names();
    test_shipped();
    cleanup_free char *left = xasprintf("%s/missing.json", dir);
    unlink(left);
    rmdir(dir);
    return done_testing();
}
