"""How much slower this machine computes than the host: prints the seconds of a fixed work, or, given the host's seconds,
the factor (at least 1). Starting processes is slower still when a processor is emulated (85 times where computing is 14):
limits have room for that, and waiting gets no slower, so the smaller factor is the one to scale with."""

import sys
import time


def work():
    started = time.monotonic()
    sum(i * i for i in range(400_000))
    return time.monotonic() - started


seconds = min(work() for _ in range(5))
print(f"{max(1.0, seconds / float(sys.argv[1])):.1f}" if len(sys.argv) > 1 else f"{seconds:.6f}")
