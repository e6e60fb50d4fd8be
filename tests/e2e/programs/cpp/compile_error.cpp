#include <iostream>

int main()
{
    std::cout << n * 2 << '\n';
}
