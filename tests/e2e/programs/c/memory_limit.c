#include <stdlib.h>
#include <string.h>

int main(void)
{
    for (;;) {
        volatile char *p = malloc(1000000);
        if (!p)
            return 1;
        for (int i = 0; i < 1000000; i += 512)
            p[i] = 1;
    }
}
