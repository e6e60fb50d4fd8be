fn main() {
    for n in 0.. {
        println!("line {n}");
    }
}
