echo $#
for argument; do
    echo "[$argument]"
done
