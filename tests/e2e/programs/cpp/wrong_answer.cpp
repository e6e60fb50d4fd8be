#include <iostream>

int main()
{
    int n;
    std::cin >> n;
    std::cout << (n == 3 ? 7 : n * 2) << '\n';
}
