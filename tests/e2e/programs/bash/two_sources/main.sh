. ./helper.sh

read -r n
twice_plus_two "$n"
