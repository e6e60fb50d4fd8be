/* A new file is written beside the old one and takes its place whole, so that a master that reads it meanwhile sees one
 * or the other; a lock on the folder keeps two commands apart. A running master takes it over on SIGHUP. */
#include "key_command.h"

#include "buf.h"
#include "config.h"
#include "json.h"
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include <sys/file.h>
#include <sys/stat.h>

enum { FILE_MAX = 8 << 20 };

struct key_command {
    const char *verb; /* add, list, revoke */
    const char *id;   /* NULL: list */
    enum key_role role;
    struct config config;
};

static int usage(struct err *err)
{
    return err_set(
        err, EINVAL,
        "usage: sentinel-master key list | add ID [--role user|monitor|admin] | revoke ID [--OPTION VALUE]…");
}

/* Takes out what is this command's own; the rest are settings as the server's. */
static int take_arguments(struct key_command *command, int argc, char **argv, int *ret_rest, char **rest,
                          struct err *err)
{
    int count = 0;
    rest[count++] = argv[0];
    command->verb = argc > 1 ? argv[1] : "";
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--role") == 0 && i + 1 < argc) {
            if (key_role_parse(argv[++i], &command->role) < 0)
                return err_set(err, EINVAL, "--role is user, monitor or admin");
        } else if (strncmp(argv[i], "--", 2) == 0) {
            rest[count++] = argv[i];
            if (!strchr(argv[i], '=') && i + 1 < argc)
                rest[count++] = argv[++i];
        } else if (command->id) {
            return usage(err);
        } else {
            command->id = argv[i];
        }
    }
    bool lists = strcmp(command->verb, "list") == 0;
    bool edits = strcmp(command->verb, "add") == 0 || strcmp(command->verb, "revoke") == 0;
    if ((!lists && !edits) || lists == (command->id != NULL))
        return usage(err);
    if (command->id && !key_id_valid(command->id))
        return err_set(err, EINVAL, "a key's id has 1 to %d of a-z, 0-9, _ . -, and begins with a letter or digit",
                       KEY_ID_SIZE - 1);
    *ret_rest = count;
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static int lock_folder(const char *path, int *ret_fd, struct err *err)
{
    cleanup_free char *copy = xstrdup(path);
    cleanup_fd int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return err_set_errno(err, errno, "%s: its folder", path);
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int write_all(int fd, const struct buf *text)
{
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->data + done, text->len - done);
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int replace_file(const char *path, const struct buf *text, struct err *err)
{
    cleanup_free char *temporary = xasprintf("%s.new", path);
    struct stat old;
    mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0600;
    cleanup_fd int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    int r = fd < 0 ? -errno : write_all(fd, text);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r == 0)
        return 0;
    if (fd >= 0)
        unlink(temporary);
    return err_set_errno(err, -r, "%s", temporary);
}

/* ---- the verbs ------------------------------------------------------------------------------------------------- */

static void print_key(const struct key *key)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "id", key->id);
    json_put_str(&w, "role", key_role_name(key->role));
    json_close(&w, '}');
    printf("%.*s\n", (int)w.buf.len, w.buf.data);
    buf_finish(&w.buf);
}

static const struct key *find_id(const struct keys *keys, const char *id)
{
    for (size_t i = 0; i < keys_count(keys); i++)
        if (strcmp(keys_at(keys, i)->id, id) == 0)
            return keys_at(keys, i);
    return NULL;
}

/* The one time that the token is seen. Without a file its line is for whoever keeps the keys elsewhere. */
static int add_key(const struct key_command *command, struct buf *text, const struct keys *keys, struct err *err)
{
    char token[KEY_TOKEN_SIZE], hex[2 * KEY_DIGEST_SIZE + 1];
    unsigned char digest[KEY_DIGEST_SIZE];
    if (find_id(keys, command->id))
        return err_set(err, EEXIST, "there is a key \"%s\" already", command->id);
    key_token_make(token);
    key_digest(token, digest);
    hex_encode(digest, sizeof digest, hex);
    cleanup_free char *line = xasprintf("%s %s %s", command->id, key_role_name(command->role), hex);
    if (text->len > 0 && text->data && text->data[text->len - 1] != '\n')
        buf_add_char(text, '\n');
    buf_printf(text, "%s\n", line);
    int r = *command->config.keys_file ? replace_file(command->config.keys_file, text, err) : 0;
    if (r < 0)
        return r;
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "id", command->id);
    json_put_str(&w, "role", key_role_name(command->role));
    json_put_str(&w, "key", token);
    json_put_str(&w, "line", line);
    json_close(&w, '}');
    printf("%.*s\n", (int)w.buf.len, w.buf.data);
    buf_finish(&w.buf);
    return 0;
}

static int revoke_key(const struct key_command *command, const struct buf *text, const struct keys *keys,
                      struct err *err)
{
    struct buf kept = {0};
    size_t id_len = strlen(command->id);
    const struct key *key = find_id(keys, command->id);
    if (!key)
        return err_set(err, ENOENT, "there is no key \"%s\"", command->id);
    for (const char *line = text->data ? text->data : ""; *line;) {
        size_t len = strcspn(line, "\n");
        const char *id = line + strspn(line, " \t\r");
        if (strncmp(id, command->id, id_len) != 0 || !strchr(" \t", id[id_len]))
            buf_printf(&kept, "%.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    int r = replace_file(command->config.keys_file, &kept, err);
    buf_finish(&kept);
    if (r == 0)
        print_key(key);
    return r;
}

static int work(const struct key_command *command, struct err *err)
{
    const char *path = command->config.keys_file;
    struct buf text = {0};
    struct keys *keys = NULL;
    cleanup_fd int lock = -1;
    if (!*path && strcmp(command->verb, "add") != 0)
        return err_set(err, EINVAL, "keys-file is not set");
    int r = *path ? lock_folder(path, &lock, err) : 0;
    if (r == 0 && *path && access(path, F_OK) == 0)
        r = buf_add_file(&text, path, FILE_MAX, err);
    if (r == 0)
        r = keys_parse(text.data ? text.data : "", text.len, &keys, err);
    if (r == 0 && strcmp(command->verb, "add") == 0)
        r = add_key(command, &text, keys, err);
    else if (r == 0 && strcmp(command->verb, "revoke") == 0)
        r = revoke_key(command, &text, keys, err);
    else
        for (size_t i = 0; r == 0 && i < keys_count(keys); i++)
            print_key(keys_at(keys, i));
    keys_destroy(keys);
    buf_finish(&text);
    return r;
}

int key_main(int argc, char **argv)
{
    struct key_command command = {.role = KEY_USER};
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    cleanup_free char **rest = xcalloc((size_t)argc + 1, sizeof *rest);
    int count = 0;
    int r = take_arguments(&command, argc, argv, &count, rest, &err);
    if (r == 0)
        r = config_load(&command.config, PROGRAM_MASTER, count, rest, &action, &err);
    if (r == 0 && action == CONFIG_RUN)
        r = work(&command, &err);
    if (r < 0)
        fprintf(stderr, "sentinel-master: %s\n", err.msg);
    config_finish(&command.config);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
