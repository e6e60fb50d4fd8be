def twice_plus_two(n)
  2 * n + 2
end
