import sys

print("Grüße →", sys.stdin.readline().rstrip("\n"), "✓")
