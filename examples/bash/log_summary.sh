# How many lines of a log there are of each level, most first.
awk '{ print $2 }' | sort | uniq -c | sort -k1,1nr -k2 | awk '{ printf "%s: %d\n", $2, $1 }'
