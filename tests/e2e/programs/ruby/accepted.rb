puts gets.to_i * 2
