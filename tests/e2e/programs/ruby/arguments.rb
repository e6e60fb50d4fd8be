puts ARGV.size
ARGV.each { |argument| puts "[#{argument}]" }
