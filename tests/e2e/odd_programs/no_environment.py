import os

print([name for name in os.environ if "SENTINEL" in name or "REDIS" in name])
