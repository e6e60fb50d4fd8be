#include "helper.h"

#include <stdio.h>

int main(void)
{
    int n;
    if (scanf("%d", &n) == 1)
        printf("%d\n", twice_plus_two(n));
}
