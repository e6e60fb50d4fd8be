import sys

data = sys.stdin.buffer.read()
numbers = data.split()
print(len(data), len(numbers), sum(map(int, numbers)))
