#include "helper.hpp"

#include <iostream>

int main()
{
    int n;
    std::cin >> n;
    std::cout << twice_plus_two(n) << '\n';
}
