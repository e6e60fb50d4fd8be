#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argc;
    unlink(argv[0]);
    FILE *f = fopen(argv[0], "w");
    if (f) {
        fputs("#!/bin/echo 666", f);
        fclose(f);
    }
    int n;
    if (scanf("%d", &n) == 1)
        printf("%d\n", n);
}
