/* What C does under limits: the first letter of the input says what, a number after it how much. */
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, MOST = 1024 };

static int deep(volatile int *above, int n)
{
    volatile int here = *above + 1;
    return n == 0 ? 0 : deep(&here, n - 1) + (here != *above);
}

static void touch(int megabytes, char **held)
{
    for (int i = 0; i < megabytes; i++) {
        held[i] = malloc(BLOCK);
        memset(held[i], 'x', BLOCK);
    }
}

static void release(int megabytes)
{
    static char *held[MOST];
    for (int round = 0; round < 3; round++) {
        touch(megabytes, held);
        for (int i = 0; i < megabytes; i++)
            free(held[i]);
    }
}

static pthread_barrier_t together;

static void *work(void *arg)
{
    pthread_barrier_wait(&together);
    return arg;
}

static long threads(int count)
{
    pthread_t running[MOST];
    long sum = 0;
    pthread_barrier_init(&together, NULL, (unsigned)count);
    for (long i = 0; i < count; i++)
        if (pthread_create(&running[i], NULL, work, (void *)i) != 0)
            exit(1);
    for (int i = 0; i < count; i++) {
        void *result;
        pthread_join(running[i], &result);
        sum += (long)result;
    }
    return sum;
}

static long sum_of(char *text)
{
    long sum = 0;
    for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
        sum += atol(word);
    return sum;
}

static long read_numbers(char how)
{
    static char text[1 << 20], line[1 << 16];
    long sum = 0, n;
    size_t len = 0;
    if (how == 'l')
        while (fgets(line, sizeof line, stdin))
            sum += sum_of(line);
    else if (how == 's')
        while (scanf("%ld", &n) == 1)
            sum += n;
    else if (how == 'a')
        text[fread(text, 1, sizeof text - 1, stdin)] = '\0';
    else
        for (int byte; (byte = getchar()) != EOF;)
            text[len++] = (char)byte;
    return sum + sum_of(text);
}

int main(void)
{
    static char *held[MOST];
    char letter = 0, zone[64];
    int n = 0, top = 0;
    time_t epoch = 0;
    if (read(0, &letter, 1) != 1)
        return 1;
    if (strchr("lasb", letter)) {
        printf("%ld\n", read_numbers(letter));
    } else if (letter == 'd') {
        printf("%.17g %.2f %g\n", 0.1 + 0.2, 2.0 / 3, 1e21);
    } else if (letter == 'p') {
        setlocale(LC_ALL, "");
        strftime(zone, sizeof zone, "%Y-%m-%d %H:%M %Z", localtime(&epoch));
        printf("%s %zu\n", zone, mbstowcs(NULL, "žluť", 0));
    } else if (scanf("%d", &n) == 1) {
        if (letter == 'r')
            printf("%d\n", deep(&top, n));
        if (letter == 't')
            touch(n, held), printf("%d\n", n);
        if (letter == 'f')
            release(n), printf("%d\n", n);
        if (letter == 'w')
            printf("%ld\n", threads(n));
    }
}
