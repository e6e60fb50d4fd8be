#include <iostream>
#include <string>

int main()
{
    long bytes = 0, lines = 0, sum = 0;
    for (std::string line; std::getline(std::cin, line); lines++) {
        bytes += static_cast<long>(line.size()) + 1;
        sum += std::stol(line);
    }
    std::cout << bytes << ' ' << lines << ' ' << sum << '\n';
}
