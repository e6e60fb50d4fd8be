/* config.[ch]: where a value comes from, and what stops the start. */
#include "config.h"
#include "tap.h"

#include <errno.h>

static int load(struct config *c, enum program program, const char *option, const char *value, struct err *err)
{
    char name[] = "program", o[64] = "", v[64] = "";
    char *argv[] = {name, o, v, NULL};
    enum config_action action;
    snprintf(o, sizeof o, "%s", option ? option : "");
    snprintf(v, sizeof v, "%s", value ? value : "");
    return config_load(c, program, option ? value ? 3 : 2 : 1, argv, &action, err);
}

static void refused(const char *option, const char *value, const char *part)
{
    struct config c;
    struct err err = {0};
    int r = load(&c, PROGRAM_MASTER, option, value, &err);
    if (!ok(r == -EINVAL && strstr(err.msg, part), "refused: %s %s", option ? option : "variable", value ? value : ""))
        printf("#   r=%d msg=\"%s\"\n", r, err.msg);
    if (r == 0)
        config_finish(&c);
}

static void test_sources(void)
{
    struct config c;
    struct err err = {0};
    is_int(load(&c, PROGRAM_MASTER, NULL, NULL, &err), 0, "defaults load");
    is_int(c.port, 8080, "default port");
    config_finish(&c);
    setenv("PORT", "8083", 1);
    is_int(load(&c, PROGRAM_MASTER, NULL, NULL, &err), 0, "the alias is a source");
    is_int(c.port, 8083, "004's PORT");
    config_finish(&c);
    setenv("SENTINEL_PORT", "9000", 1);
    is_int(load(&c, PROGRAM_MASTER, NULL, NULL, &err), 0, "the variable is a source");
    is_int(c.port, 9000, "it goes before the alias");
    config_finish(&c);
    is_int(load(&c, PROGRAM_MASTER, "--port=9001", NULL, &err), 0, "the option is a source");
    is_int(c.port, 9001, "it goes before the variable");
    config_finish(&c);
    unsetenv("SENTINEL_PORT");
    unsetenv("PORT");
    is_int(load(&c, PROGRAM_EXECUTOR, "--min-tier", "a", &err), 0, "a choice in another case");
    is_str(c.min_tier, "A", "is spelt as in the table");
    config_finish(&c);
}

/* What the documents call it. */
static void test_other_names(void)
{
    struct config c;
    struct err err = {0};
    setenv("REDIS_HOST", "queue", 1);
    setenv("REDIS_PORT", "6380", 1);
    setenv("DEBUG", "true", 1);
    is_int(load(&c, PROGRAM_MASTER, "-http-port=8081", NULL, &err), 0, "002's variables, 001's option");
    is_str(c.redis_url, "redis://queue:6380", "host and port make the URL");
    is_str(c.log_level, "debug", "DEBUG is a level");
    is_int(c.port, 8081, "-http-port is the port");
    config_finish(&c);
    setenv("REDIS_PORT", "tcp://10.0.0.1:6379", 1);
    setenv("REDIS_HOST", "fd00::1", 1);
    setenv("DEBUG", "false", 1);
    is_int(load(&c, PROGRAM_EXECUTOR, NULL, NULL, &err), 0, "what Kubernetes says of a Service named redis is no port");
    is_str(c.redis_url, "redis://[fd00::1]:6379", "an IPv6 host has brackets");
    is_str(c.log_level, "info", "DEBUG=false is nothing");
    config_finish(&c);
    setenv("REDIS_URL", "unix:///r", 1);
    is_int(load(&c, PROGRAM_MASTER, "-v=2", NULL, &err), 0, "001's -v");
    is_str(c.redis_url, "unix:///r", "a URL goes before its parts");
    is_str(c.log_level, "debug", "-v is a level");
    config_finish(&c);
    is_int(load(&c, PROGRAM_MASTER, "--http-port", "8082", &err), 0, "an option's value may follow it");
    is_int(c.port, 8082, "--http-port is the port");
    config_finish(&c);
    setenv("EXECUTION_TIMEOUT", "12", 1);
    is_int(load(&c, PROGRAM_MASTER, NULL, NULL, &err), 0, "002's EXECUTION_TIMEOUT");
    is_int(c.v1_timeout_s, 12, "is of the v1 dialect");
    config_finish(&c);
    is_int(load(&c, PROGRAM_MASTER, "-grpc-port=50052", "-mode=grpc", &err), 0, "001's ports and mode");
    is_int(c.grpc_port, 50052, "are taken");
    is_str(c.mode, "grpc", "as it writes them");
    config_finish(&c);
    is_int(load(&c, PROGRAM_MASTER, NULL, NULL, &err), 0, "without them");
    is_int(c.grpc_port, 50051, "the port is 001's");
    is_str(c.mode, "both", "and the mode");
    config_finish(&c);
    refused("-port", "1", "unknown option");
    refused("-", "1", "unknown option");
    unsetenv("REDIS_HOST");
    unsetenv("REDIS_PORT");
    unsetenv("REDIS_URL");
    unsetenv("DEBUG");
    unsetenv("EXECUTION_TIMEOUT");
}

static void test_refusals(void)
{
    refused("--port", "0", "from 1 to 65535");
    refused("--port", "80x", "port is \"80x\"");
    refused("--port", "99999999999999999999", "whole number");
    refused("--port", NULL, "wants a value");
    refused("--prot", "1", "unknown option");
    refused("port", "1", "unknown option");
    refused("--slots", "1", "unknown option"); /* the executor's */
    refused("--mode", "rest", "both|grpc|http");
    refused("--grpc-port", "65536", "from 0 to 65535");
    refused("--log-level", "loud", "debug|info|warn|error");
    setenv("SENTINEL_LEASE_MS", "soon", 1);
    refused(NULL, NULL, "SENTINEL_LEASE_MS is \"soon\"");
    unsetenv("SENTINEL_LEASE_MS");
    setenv("SENTINEL_LEASE", "1", 1);
    refused(NULL, NULL, "unknown setting SENTINEL_LEASE");
    unsetenv("SENTINEL_LEASE");
}

static void test_let_through(void)
{
    struct config c;
    struct err err = {0};
    setenv("SENTINEL_MASTER_SERVICE_PORT", "tcp://10.0.0.1:80", 1);
    setenv("SENTINEL_SLOTS", "not checked by the master", 1);
    is_int(load(&c, PROGRAM_MASTER, NULL, NULL, &err), 0, "Kubernetes' links and the other program's settings");
    config_finish(&c);
}

int main(void)
{
    clearenv();
    test_sources();
    test_other_names();
    test_refusals();
    test_let_through();
    return done_testing();
}
