import os
print('x', flush=True)
os.kill(os.getpid(), 9)
