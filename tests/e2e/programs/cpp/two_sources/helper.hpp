int twice_plus_two(int n);
