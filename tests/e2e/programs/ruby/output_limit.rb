n = 0
loop do
  puts "line #{n}"
  n += 1
end
