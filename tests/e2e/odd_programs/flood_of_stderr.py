import sys
while True:
    print('line', file=sys.stderr)
