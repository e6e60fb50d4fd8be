#include <stdio.h>
#include <string.h>

int main(void)
{
    char line[256] = "";
    if (fgets(line, sizeof line, stdin))
        line[strcspn(line, "\n")] = 0;
    printf("Grüße → %s ✓\n", line);
}
