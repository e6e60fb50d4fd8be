held=x
while :; do
    held+=$held
done
