print('x' * 8191)
