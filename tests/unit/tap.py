"""What a Python test of this suite says in TAP, as tap.h is for those in C."""

import sys

count = failed = 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}")
    if not good and detail:
        print("#   " + str(detail).replace("\n", "\n#   "))


def done():
    print(f"1..{count}")
    sys.exit(failed > 0)
