/* Figures of a run's processes from /proc, for what no cgroup tells: time spent waiting for a processor, and, where
 * there is no cgroup at all, CPU time and memory.
 *
 * Without a cgroup the CPU time is the larger of two sums. One trusts what parents have waited for; a program that
 * ignores SIGCHLD empties it. The other adds up each process as last seen, so it misses only what a process used
 * after its last sample. */
#include "tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEN_MAX = 4096, DEPTH_MAX = 512 };

static struct {
    int pid;
    uint64_t ticks;
} seen[SEEN_MAX];
static size_t seen_count;
static uint64_t forgotten_ticks; /* of entries whose pid was used again */

static struct {
    uint64_t ticks; /* own and waited for, of the living */
    uint64_t memory_bytes;
    uint64_t runqueue_ns;
    uint32_t tasks, most_tasks;
} sum;

static void remember(int pid, uint64_t ticks)
{
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i].pid != pid)
            continue;
        if (ticks < seen[i].ticks)
            forgotten_ticks += seen[i].ticks;
        seen[i].ticks = ticks;
        return;
    }
    if (seen_count < SEEN_MAX) {
        seen[seen_count].pid = pid;
        seen[seen_count++].ticks = ticks;
    } else {
        forgotten_ticks += ticks;
    }
}

static void add_usage(int pid_fd, int pid)
{
    char text[4096];
    if (read_at(pid_fd, "stat", text, sizeof text) < 0)
        return;
    const char *rest = strrchr(text, ')'); /* the name before it is the program's own */
    if (rest == NULL)
        return;
    uint64_t own = word_number(rest, 12) + word_number(rest, 13);     /* in user mode, in the kernel */
    sum.ticks += own + word_number(rest, 14) + word_number(rest, 15); /* and waited for */
    remember(pid, own);
    /* A program can make itself unreadable in tier B, by an exec of a file that it may not read: then what it shares
     * with others is counted in full. */
    bool closed = read_at(pid_fd, "smaps_rollup", text, sizeof text) < 0;
    if (closed && read_at(pid_fd, "status", text, sizeof text) < 0)
        return;
    sum.memory_bytes += (number_behind(text, closed ? "RssAnon:" : "Pss_Anon:") +
                         number_behind(text, closed ? "RssShmem:" : "Pss_Shmem:")) *
                        1024;
}

static void add_process(int pid, int depth);

static void add_thread(int task_fd, const char *tid, int depth)
{
    char name[64], text[4096];
    sum.tasks++;
    snprintf(name, sizeof name, "%.20s/schedstat", tid);
    if (read_at(task_fd, name, text, sizeof text) == 0)
        sum.runqueue_ns += word_number(text, 1);
    snprintf(name, sizeof name, "%.20s/children", tid);
    if (depth == DEPTH_MAX || sum.tasks > sum.most_tasks || read_at(task_fd, name, text, sizeof text) < 0)
        return;
    char *end;
    for (const char *at = text;; at = end) {
        long child = strtol(at, &end, 10);
        if (end == at || child <= 0)
            return;
        add_process((int)child, depth + 1);
    }
}

static void add_process(int pid, int depth)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", pid);
    int pid_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (pid_fd < 0)
        return;
    add_usage(pid_fd, pid);
    DIR *tasks = dir_open(pid_fd, "task");
    close(pid_fd);
    for (const struct dirent *entry; (entry = dir_next(tasks)) != NULL;)
        add_thread(dirfd(tasks), entry->d_name, depth);
}

void tree_reset(void)
{
    seen_count = 0;
    forgotten_ticks = 0;
}

void tree_sample(pid_t root, uint32_t most_tasks, struct tree_usage *ret_usage)
{
    memset(&sum, 0, sizeof sum);
    sum.most_tasks = most_tasks;
    add_process((int)root, 0);
    uint64_t as_seen = forgotten_ticks;
    for (size_t i = 0; i < seen_count; i++)
        as_seen += seen[i].ticks;
    uint64_t ticks = sum.ticks > as_seen ? sum.ticks : as_seen;
    *ret_usage = (struct tree_usage){
        .cpu_us = ticks * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK),
        .memory_bytes = sum.memory_bytes,
        .runqueue_us = sum.runqueue_ns / 1000,
        .tasks = sum.tasks,
    };
}
