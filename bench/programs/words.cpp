#include <bits/stdc++.h>

int main()
{
    std::map<std::string, int> count;
    for (std::string word; std::cin >> word;)
        count[word]++;
    std::vector<std::pair<int, std::string>> words;
    for (const auto &[word, n] : count)
        words.emplace_back(-n, word);
    std::sort(words.begin(), words.end());
    for (const auto &[n, word] : words)
        std::cout << word << ' ' << -n << '\n';
}
