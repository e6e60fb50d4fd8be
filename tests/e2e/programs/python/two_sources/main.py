from helper import twice_plus_two

print(twice_plus_two(int(input())))
