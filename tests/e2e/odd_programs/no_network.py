import socket
try:
    socket.create_connection(('127.0.0.1', 6379), 2)
    print('connected')
except OSError:
    print('refused')
