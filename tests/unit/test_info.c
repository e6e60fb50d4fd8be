/* info.[ch] and box_command.[ch]: what an executor says of itself, and to its boxes. */
#include "box_command.h"
#include "info.h"
#include "json.h"
#include "tap.h"

static char c_name[] = "c", java_name[] = "java";
static struct lang langs[] = {{.name = c_name}, {.name = java_name}};
static char dir[] = "/srv/languages", one[] = "/usr", two[] = "/lib", three[] = "/opt/java";
static char *c_grants[] = {one, two}, *java_grants[] = {one, three};
static char version[] = "gcc 12 \"quoted\"";

static const cJSON *at(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void test_info(void)
{
    struct box_hello hello = {.tier = BOX_TIER_A_MINUS};
    struct served served[] = {{&langs[0], version, 1, 10, 2}, {&langs[1], version, 2, 20, 3}};
    struct info info = {"host", &hello, 4, 3, served, ARRAY_LEN(served)};
    for (size_t i = 0; i < BOX_MECH_COUNT; i++)
        hello.mechanism[i].on = true;
    hello.mechanism[BOX_MECH_CGROUP_MEMORY].on = false;
    snprintf(hello.mechanism[BOX_MECH_CGROUP_MEMORY].detail, sizeof hello.mechanism[0].detail, "read-only");

    cleanup_free char *text = info_to_json(&info);
    cJSON *root = NULL;
    struct err err;
    if (!ok(json_parse(text, strlen(text), &root, &err) == 0, "it is strict JSON"))
        return;
    is_str(cJSON_GetStringValue(at(root, "tier")), "A-", "the tier by its name");
    is_int((long long)cJSON_GetNumberValue(at(root, "slots")), 4, "slots");
    is_int((long long)cJSON_GetNumberValue(at(root, "slotsUp")), 3, "slots that are up");
    is_int((long long)cJSON_GetNumberValue(at(root, "active")), 3, "active, of all languages");
    is_int((long long)cJSON_GetNumberValue(at(root, "completed")), 30, "completed, of all languages");
    is_int((long long)cJSON_GetNumberValue(at(root, "failed")), 5, "failed, of all languages");
    const cJSON *java = at(at(root, "languages"), "java");
    is_int((long long)cJSON_GetNumberValue(at(java, "completed")), 20, "and each language's own");
    is_str(cJSON_GetStringValue(at(java, "version")), version, "with its version");
    const cJSON *memory = at(at(root, "mechanisms"), "memoryCgroup");
    ok(cJSON_IsFalse(at(memory, "on")), "what is off says so");
    is_str(cJSON_GetStringValue(at(memory, "detail")), "read-only", "and why");
    is_int(cJSON_GetArraySize(at(root, "mechanisms")), BOX_MECH_COUNT, "every mechanism has a name");
    cJSON_Delete(root);

    cleanup_free char *missing = info_missing(&hello);
    is_str(missing, "memoryCgroup (read-only)", "the log names what is missing");
    info.hello = NULL;
    cleanup_free char *without = info_to_json(&info);
    ok(strstr(without, "\"tier\":null") && !strstr(without, "mechanisms"), "no box, no claims");
}

static const char *value_of(char *const *argv, const char *option)
{
    for (size_t i = 1; argv[i]; i++)
        if (strcmp(argv[i], option) == 0)
            return argv[i + 1];
    return NULL;
}

static void test_command(void)
{
    char box[] = "/bin/true", cgroup[] = "auto", scratch[] = "/scratch";
    struct config config = {.box_path = box,
                            .cgroup = cgroup,
                            .scratch_dir = scratch,
                            .max_memory_mb = 1024,
                            .max_cpu_ms = 120000,
                            .max_wall_ms = 300000};
    struct lang_table table = {langs, ARRAY_LEN(langs)};
    char **argv = NULL;
    struct err err;
    langs[0].dir = langs[1].dir = dir;
    langs[0].grants = c_grants;
    langs[1].grants = java_grants;
    langs[0].grant_count = langs[1].grant_count = 2;
    langs[1].run.memory_overhead_mb = 200;
    if (!ok(box_command_make(&config, &table, 3, &argv, &err) == 0, "there is a command"))
        return;
    is_str(argv[0], "/bin/true", "the box's path");
    is_str(value_of(argv, "--slot"), "3", "its slot");
    is_str(value_of(argv, "--max-memory-mb"), "1224", "a runtime's own share comes on top of the ceiling");
    is_str(value_of(argv, "--languages"), dir, "the languages' folder");
    is_str(LANG_DIR_IN_BOX, BOX_LANGUAGES, "which both call the same inside");
    size_t grants = 0;
    for (size_t i = 0; argv[i]; i++)
        grants += strcmp(argv[i], "--grant") == 0;
    is_int((long long)grants, 3, "each grant once");
    is_str(value_of(argv, "--max-wall-ms"), "300000", "the settings' ceiling of time");
    box_command_free(argv);
    if (!ok(box_command_make_resident(&config, &table, 4, &argv, &err) == 0, "there is one of a compiler that stays"))
        return;
    is_str(value_of(argv, "--max-cpu-ms"), "86400000", "which has a day");
    is_str(value_of(argv, "--max-wall-ms"), "86400000", "by each clock");
    box_command_free(argv);

    char nowhere[] = "/nonexistent/box";
    config.box_path = nowhere;
    ok(box_command_make(&config, &table, 0, &argv, &err) < 0, "no box is an error");
    ok(strstr(err.msg, nowhere) != NULL, "that names the path");
}

static void test_isolation(void)
{
    struct box_hello hello = {.tier = BOX_TIER_A_MINUS, .landlock_abi = 3, .cgroup_version = 2};
    hello.mechanism[BOX_MECH_SECCOMP].on = true;
    snprintf(hello.mechanism[BOX_MECH_LANDLOCK].detail, sizeof hello.mechanism[0].detail, "version 3, \"old\"");
    cleanup_free char *text = info_isolation(&hello);
    cJSON *root = NULL;
    struct err err;
    if (!ok(json_parse(text, strlen(text), &root, &err) == 0, "what a result keeps of the isolation is strict JSON"))
        return;
    is_int(cJSON_GetArraySize(at(root, "held")), 1, "what held");
    is_str(cJSON_GetStringValue(cJSON_GetArrayItem(at(root, "held"), 0)), "seccomp", "by its name");
    is_str(cJSON_GetStringValue(at(at(root, "missing"), "landlock")), "version 3, \"old\"", "what did not, and why");
    is_int((long long)cJSON_GetNumberValue(at(root, "landlockAbi")), 3, "the kernel's Landlock");
    ok(cJSON_GetStringValue(at(root, "kernel")) != NULL, "the kernel");
    ok(strlen(text) < 2048, "and it is small");
    cJSON_Delete(root);
}

int main(void)
{
    test_info();
    test_isolation();
    test_command();
    return done_testing();
}
