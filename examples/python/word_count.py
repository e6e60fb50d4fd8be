"""Counts the words of its input and prints the most frequent ones, ties in alphabetical order."""
import re
import sys
from collections import Counter

words = re.findall(r"\w+", sys.stdin.read().lower())
for word, count in sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))[:5]:
    print(f"{count:3} {word}")
