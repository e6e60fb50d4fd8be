#include <cstdlib>
#include <iostream>

int main()
{
    std::cout << "before\n";
    std::cerr << "giving up\n";
    std::exit(42);
}
