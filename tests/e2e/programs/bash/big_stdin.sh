bytes=0 lines=0 sum=0
while read -r line; do
    bytes=$((bytes + ${#line} + 1)) lines=$((lines + 1)) sum=$((sum + line))
done
echo $bytes $lines $sum
