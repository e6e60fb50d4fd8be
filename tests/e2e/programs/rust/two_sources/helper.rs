pub fn twice_plus_two(n: i64) -> i64 {
    2 * n + 2
}
