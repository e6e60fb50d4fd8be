#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    volatile char *p = malloc(200 << 20);
    puts(p ? "got it" : "none");
}
