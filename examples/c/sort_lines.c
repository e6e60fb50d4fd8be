/* Sorts the lines of its input by their bytes. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void)
{
    char **lines = NULL, *line = NULL;
    size_t count = 0, size = 0;
    while (getline(&line, &size, stdin) > 0) {
        lines = realloc(lines, (count + 1) * sizeof *lines);
        if (!lines)
            return 1;
        lines[count++] = line;
        line = NULL; /* getline makes a fresh one */
        size = 0;
    }
    free(line);
    if (count)
        qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++) {
        fputs(lines[i], stdout);
        free(lines[i]);
    }
    free(lines);
}
