import os, time
for _ in range(4):
    if os.fork() == 0:
        x = b'x' * (30 << 20)
        time.sleep(5)
        os._exit(0)
for _ in range(4):
    if os.wait()[1]:
        os._exit(7)
