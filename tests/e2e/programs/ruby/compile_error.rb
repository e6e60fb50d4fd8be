n = gets.to_i
puts n * 2)
