# What Ruby does under limits: the first letter of the input says what, a number after it how much.
def deep(n)
  n.zero? ? 0 : 1 + deep(n - 1)
end

def touch(megabytes)
  Array.new(megabytes) { "x" * (1 << 20) }.size
end

def release(megabytes)
  3.times { touch(megabytes) }
  megabytes
end

def threads(count)
  waiting, go = Queue.new, Queue.new
  running = Array.new(count) { |i| Thread.new { waiting << i; go.pop; i } }
  count.times { waiting.pop }
  count.times { go << true }
  running.sum(&:value)
end

def sum(text)
  text.split.sum(&:to_i)
end

def by_line
  total = 0
  while (line = gets)
    total += sum(line)
  end
  total
end

def by_byte
  text = +""
  while (byte = $stdin.getbyte)
    text << byte
  end
  sum(text)
end

puts(
  case $stdin.getc
  when "l" then by_line
  when "a" then sum($stdin.read)
  when "s" then $stdin.each_line.sum { |line| sum(line) }
  when "b" then by_byte
  when "d" then "#{0.1 + 0.2} #{format('%.2f', 2.0 / 3)} #{1e21}"
  when "p" then Time.at(0).strftime("%F %H:%M %Z #{'žluť'.size} #{Encoding.default_external}")
  when "r" then deep(gets.to_i)
  when "t" then touch(gets.to_i)
  when "f" then release(gets.to_i)
  when "w" then threads(gets.to_i)
  end
)
