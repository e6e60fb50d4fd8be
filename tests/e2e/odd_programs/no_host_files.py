import os

print([path for path in ("/etc/passwd", "/etc/shadow", "/root", "/home", "/var", "/run", "/srv") if os.path.exists(path)])
