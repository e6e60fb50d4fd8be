import os, time
os.write(1, b'fine')
os.close(1)
os.close(2)
time.sleep(0.4)
os._exit(9)
