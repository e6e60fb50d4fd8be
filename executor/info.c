/* JSON for the registry. Owns no state. */
#include "info.h"
#include "json.h"
#include "result.h"

#include <sys/utsname.h>

static const char *const mechanism_names[BOX_MECH_COUNT] = {
    [BOX_MECH_USER_NS] = "userNamespace",     [BOX_MECH_PID_NS] = "pidNamespace",
    [BOX_MECH_MOUNT_NS] = "mountNamespace",   [BOX_MECH_NET_NS] = "networkNamespace",
    [BOX_MECH_IPC_NS] = "ipcNamespace",       [BOX_MECH_UTS_NS] = "utsNamespace",
    [BOX_MECH_CGROUP_NS] = "cgroupNamespace", [BOX_MECH_SECCOMP] = "seccomp",
    [BOX_MECH_LANDLOCK] = "landlock",         [BOX_MECH_CGROUP_MEMORY] = "memoryCgroup",
    [BOX_MECH_CGROUP_PIDS] = "pidsCgroup",    [BOX_MECH_CGROUP_CPU] = "cpuCgroup",
};

static void put_mechanisms(struct json_writer *w, const struct box_hello *hello)
{
    json_open(w, "mechanisms", '{');
    for (size_t i = 0; i < BOX_MECH_COUNT; i++) {
        json_open(w, mechanism_names[i], '{');
        json_put_bool(w, "on", hello->mechanism[i].on);
        json_put_str(w, "detail", hello->mechanism[i].detail);
        json_close(w, '}');
    }
    json_close(w, '}');
}

static void put_languages(struct json_writer *w, const struct served *served, size_t count)
{
    json_open(w, "languages", '{');
    for (size_t i = 0; i < count; i++) {
        json_open(w, served[i].lang->name, '{');
        json_put_str(w, "version", served[i].version);
        json_put_int(w, "active", served[i].active);
        json_put_int(w, "completed", served[i].completed);
        json_put_int(w, "failed", served[i].failed);
        json_close(w, '}');
    }
    json_close(w, '}');
}

char *info_to_json(const struct info *info)
{
    struct json_writer w = {0};
    int64_t active = 0, completed = 0, failed = 0;
    for (size_t i = 0; i < info->served_count; i++) {
        active += info->served[i].active;
        completed += info->served[i].completed;
        failed += info->served[i].failed;
    }
    json_open(&w, NULL, '{');
    json_put_str(&w, "version", SENTINEL_VERSION);
    json_put_str(&w, "host", info->host);
    json_put_str(&w, "tier", info->hello ? result_tier_name(info->hello->tier) : NULL);
    json_put_int(&w, "slots", info->slots);
    json_put_int(&w, "slotsUp", info->slots_up);
    json_put_int(&w, "active", active);
    json_put_int(&w, "completed", completed);
    json_put_int(&w, "failed", failed);
    if (info->hello)
        put_mechanisms(&w, info->hello);
    put_languages(&w, info->served, info->served_count);
    json_close(&w, '}');
    return buf_steal(&w.buf);
}

char *info_isolation(const struct box_hello *hello)
{
    struct json_writer w = {0};
    struct utsname name;
    uname(&name);
    json_open(&w, NULL, '{');
    json_put_str(&w, "kernel", name.release);
    json_put_int(&w, "landlockAbi", hello->landlock_abi);
    json_put_int(&w, "cgroupVersion", hello->cgroup_version);
    json_open(&w, "held", '[');
    for (size_t i = 0; i < BOX_MECH_COUNT; i++)
        if (hello->mechanism[i].on)
            json_put_str(&w, NULL, mechanism_names[i]);
    json_close(&w, ']');
    json_open(&w, "missing", '{');
    for (size_t i = 0; i < BOX_MECH_COUNT; i++)
        if (!hello->mechanism[i].on)
            json_put_str(&w, mechanism_names[i], hello->mechanism[i].detail);
    json_close(&w, '}');
    json_close(&w, '}');
    return buf_steal(&w.buf);
}

char *info_missing(const struct box_hello *hello)
{
    struct buf b = {0};
    for (size_t i = 0; i < BOX_MECH_COUNT; i++)
        if (!hello->mechanism[i].on)
            buf_printf(&b, "%s%s (%s)", b.len ? ", " : "", mechanism_names[i], hello->mechanism[i].detail);
    return buf_steal(&b);
}
