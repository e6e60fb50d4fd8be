print('x' * 8192)
