def twice_plus_two(n):
    return 2 * n + 2
