#include "helper.h"

int twice_plus_two(int n)
{
    return 2 * n + 2;
}
