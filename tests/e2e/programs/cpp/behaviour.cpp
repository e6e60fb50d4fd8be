// What C++ does under limits: the first letter of the input says what, a number after it how much.
#include <barrier>
#include <clocale>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using Blocks = std::vector<std::string>;

static int deep(volatile int *above, int n)
{
    volatile int here = *above + 1;
    return n == 0 ? 0 : deep(&here, n - 1) + (here != *above);
}

static Blocks touch(int megabytes)
{
    Blocks held;
    for (int i = 0; i < megabytes; i++)
        held.emplace_back(1 << 20, 'x');
    return held;
}

static long threads(int count)
{
    std::vector<long> done(count);
    std::barrier together(count);
    std::vector<std::thread> running;
    for (int i = 0; i < count; i++)
        running.emplace_back([&, i] {
            together.arrive_and_wait();
            done[i] = i;
        });
    for (std::thread &thread : running)
        thread.join();
    long sum = 0;
    for (long i : done)
        sum += i;
    return sum;
}

static long sum_of(std::istream &in)
{
    long sum = 0;
    for (long n; in >> n;)
        sum += n;
    return sum;
}

static long read_numbers(char how)
{
    std::stringstream text;
    if (how == 's')
        return sum_of(std::cin);
    if (how == 'l')
        for (std::string line; std::getline(std::cin, line);)
            text << line << ' ';
    else if (how == 'a')
        text << std::string(std::istreambuf_iterator<char>(std::cin), {});
    else
        for (char byte; std::cin.get(byte);)
            text << byte;
    return sum_of(text);
}

int main()
{
    char letter = 0;
    int n = 0, top = 0;
    if (read(0, &letter, 1) != 1)
        return 1;
    switch (letter) {
    case 'd':
        std::cout << std::setprecision(17) << 0.1 + 0.2 << ' ' << std::fixed << std::setprecision(2) << 2.0 / 3 << '\n';
        return 0;
    case 'p': {
        std::time_t epoch = 0;
        std::setlocale(LC_ALL, "");
        std::cout << std::put_time(std::localtime(&epoch), "%Y-%m-%d %H:%M %Z ") << std::mbstowcs(nullptr, "žluť", 0)
                  << '\n';
        return 0;
    }
    case 'r':
        std::cin >> n;
        std::cout << deep(&top, n) << '\n';
        return 0;
    case 't':
        std::cin >> n;
        std::cout << touch(n).size() << '\n';
        return 0;
    case 'f':
        std::cin >> n;
        for (int round = 0; round < 3; round++)
            touch(n);
        std::cout << n << '\n';
        return 0;
    case 'w':
        std::cin >> n;
        std::cout << threads(n) << '\n';
        return 0;
    default:
        std::cout << read_numbers(letter) << '\n';
    }
}
