# Writes the numbers of its input as Roman numerals.
NUMERALS = { 1000 => "M", 900 => "CM", 500 => "D", 400 => "CD", 100 => "C", 90 => "XC", 50 => "L", 40 => "XL",
             10 => "X", 9 => "IX", 5 => "V", 4 => "IV", 1 => "I" }.freeze

def roman(number)
  NUMERALS.reduce(+"") do |text, (value, numeral)|
    times, number = number.divmod(value)
    text << numeral * times
  end
end

$stdin.each_line { |line| puts roman(line.to_i) }
