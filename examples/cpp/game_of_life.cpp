// Conway's Game of Life on a torus. Input: generations, then the field, '#' for what lives.
#include <iostream>
#include <string>
#include <vector>

using Field = std::vector<std::string>;

static int neighbours(const Field &field, std::size_t row, std::size_t column)
{
    const std::size_t height = field.size(), width = field[row].size();
    int count = 0;
    for (std::size_t down = 0; down < 3; down++)
        for (std::size_t right = 0; right < 3; right++)
            if (down != 1 || right != 1)
                count += field[(row + down + height - 1) % height][(column + right + width - 1) % width] == '#';
    return count;
}

static Field next_generation(const Field &field)
{
    Field next = field;
    for (std::size_t row = 0; row < field.size(); row++)
        for (std::size_t column = 0; column < field[row].size(); column++) {
            const int count = neighbours(field, row, column);
            next[row][column] = count == 3 || (count == 2 && field[row][column] == '#') ? '#' : '.';
        }
    return next;
}

int main()
{
    int generations = 0;
    std::cin >> generations;
    Field field;
    for (std::string line; std::cin >> line;)
        field.push_back(line);
    while (generations-- > 0)
        field = next_generation(field);
    for (const std::string &line : field)
        std::cout << line << '\n';
}
