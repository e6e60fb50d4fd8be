static int down(volatile int *p)
{
    volatile int here[1000] = {*p};
    return down(here) + here[1];
}

int main(void)
{
    int zero = 0;
    return down(&zero);
}
