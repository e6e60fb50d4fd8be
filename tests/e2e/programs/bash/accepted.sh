read -r n
echo $((n * 2))
