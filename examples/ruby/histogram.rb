# A histogram of the lengths of the words in its input.
lengths = $stdin.read.scan(/\p{Alpha}+/).map(&:size).tally
(1..lengths.keys.max).each { |length| puts "#{length.to_s.rjust(2)} #{'#' * lengths.fetch(length, 0)}".rstrip }
