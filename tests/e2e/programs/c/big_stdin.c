#include <stdio.h>

int main(void)
{
    long bytes = 0, lines = 0, sum = 0, number = 0;
    for (int c; (c = getchar()) != EOF; bytes++) {
        if (c != '\n') {
            number = number * 10 + (c - '0');
            continue;
        }
        sum += number;
        number = 0;
        lines++;
    }
    printf("%ld %ld %ld\n", bytes, lines, sum);
}
