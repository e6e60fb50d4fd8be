#define A x; x; x; x; x; x; x; x; x; x;
#define B A A A A A A A A A A
#define C B B B B B B B B B B

void f(void)
{
    C C C C
}
#define FAIL _Static_assert(0, "no");
#define D FAIL FAIL FAIL FAIL FAIL FAIL FAIL FAIL FAIL FAIL
#define E D D D D D D D D D D
E E E E E E E E E E
