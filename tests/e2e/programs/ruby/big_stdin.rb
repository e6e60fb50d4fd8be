data = $stdin.read
numbers = data.split.map(&:to_i)
puts "#{data.bytesize} #{numbers.size} #{numbers.sum}"
