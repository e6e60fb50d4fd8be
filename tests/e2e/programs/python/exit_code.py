import sys

print("before")
print("giving up", file=sys.stderr)
sys.exit(42)
