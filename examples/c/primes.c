/* The primes up to a bound, by the sieve of Eratosthenes: how many there are, and the last one. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int bound;
    if (scanf("%d", &bound) != 1 || bound < 2 || bound > 100000000) {
        fputs("want a bound from 2 to 100000000\n", stderr);
        return 1;
    }
    bool *composite = calloc((size_t)bound + 1, sizeof *composite);
    if (!composite)
        return 1;
    int count = 0, last = 0;
    for (int n = 2; n <= bound; n++) {
        if (composite[n])
            continue;
        count++;
        last = n;
        for (long multiple = (long)n * n; multiple <= bound; multiple += n)
            composite[multiple] = true;
    }
    printf("%d primes up to %d, the last is %d\n", count, bound, last);
    free(composite);
}
