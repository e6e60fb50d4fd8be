#include <iostream>

int main()
{
    for (int n = 0;; n++)
        std::cout << "line " << n << '\n';
}
