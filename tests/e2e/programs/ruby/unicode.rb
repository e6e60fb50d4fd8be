puts "Grüße → #{gets.to_s.chomp} ✓"
