#include <stdio.h>

int main(void)
{
    puts("before");
    fputs("giving up\n", stderr);
    return 42;
}
