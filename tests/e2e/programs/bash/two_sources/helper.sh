twice_plus_two() {
    echo $((2 * $1 + 2))
}
