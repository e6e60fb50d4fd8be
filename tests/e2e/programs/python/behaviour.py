"""What Python does under limits: the first letter of the input says what, a number after it how much."""
import os
import sys
import threading
import time

BLOCK = 1 << 20


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


def recurse(n):
    if n < 1_000_000:
        sys.setrecursionlimit(n + 100)
    print(deep(n))


def touch(megabytes):
    held = [bytearray(b"x") * BLOCK for _ in range(megabytes)]
    print(len(held))


def release(megabytes):
    for _ in range(3):
        held = [bytearray(b"x") * BLOCK for _ in range(megabytes)]
        del held
    print(megabytes)


def threads(count):
    done = []
    together = threading.Barrier(count)

    def work(i):
        together.wait()
        done.append(i)

    running = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    print(sum(done))


def by_byte():
    data = b""
    while byte := sys.stdin.buffer.read(1):
        data += byte
    return data.split()


def lines():
    words = []
    try:
        while True:
            words += input().split()
    except EOFError:
        return words


READERS = {"l": lines, "a": lambda: sys.stdin.read().split(), "s": lambda: " ".join(sys.stdin).split(), "b": by_byte}
letter = os.read(0, 1).decode()
if letter in READERS:
    print(sum(map(int, READERS[letter]())))
elif letter == "d":
    print(0.1 + 0.2, f"{2 / 3:.2f}", 1e21)
elif letter == "p":
    print(time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(0)), len("žluť"), sys.stdout.encoding)
else:
    {"r": recurse, "t": touch, "f": release, "w": threads}[letter](int(input()))
