read -r n
if [ "$n" = 5 ]; then echo 10
