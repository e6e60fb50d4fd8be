// Dijkstra's algorithm. Input: how many places and roads there are, then "from to length" for each road (both ways).
// Output: how far each place is from place 0.
#include <functional>
#include <iostream>
#include <limits>
#include <queue>
#include <string>
#include <utility>
#include <vector>

int main()
{
    const long unreached = std::numeric_limits<long>::max();
    std::size_t places = 0, roads = 0;
    std::cin >> places >> roads;
    std::vector<std::vector<std::pair<std::size_t, long>>> out(places);
    for (std::size_t from, to, length; roads-- > 0 && std::cin >> from >> to >> length;) {
        out.at(from).emplace_back(to, length);
        out.at(to).emplace_back(from, length);
    }

    std::vector<long> distance(places, unreached);
    std::priority_queue<std::pair<long, std::size_t>, std::vector<std::pair<long, std::size_t>>, std::greater<>> next;
    distance.at(0) = 0;
    next.emplace(0, 0);
    while (!next.empty()) {
        auto [far, place] = next.top();
        next.pop();
        if (far > distance[place])
            continue; // a shorter way was found meanwhile
        for (auto [neighbour, length] : out[place])
            if (far + length < distance[neighbour]) {
                distance[neighbour] = far + length;
                next.emplace(distance[neighbour], neighbour);
            }
    }
    for (std::size_t place = 0; place < places; place++)
        std::cout << place << ": " << (distance[place] == unreached ? "no way" : std::to_string(distance[place])) << '\n';
}
