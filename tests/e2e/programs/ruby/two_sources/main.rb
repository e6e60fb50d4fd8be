require_relative "helper"

puts twice_plus_two(gets.to_i)
