"""The best value that fits a knapsack. Input: its capacity, then one "weight value" a line."""
import sys

capacity, *numbers = map(int, sys.stdin.read().split())
best = [0] * (capacity + 1)
for weight, value in zip(numbers[::2], numbers[1::2]):
    for room in range(capacity, weight - 1, -1):  # downwards, so that each thing is taken once
        best[room] = max(best[room], best[room - weight] + value)
print(best[capacity])
