#include <stdio.h>

int main(void)
{
    for (int n = 0;; n++)
        printf("line %d\n", n);
}
