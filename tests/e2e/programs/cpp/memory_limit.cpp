#include <string>
#include <vector>

int main()
{
    std::vector<std::string> held;
    for (;;)
        held.emplace_back(1000000, 'x');
}
