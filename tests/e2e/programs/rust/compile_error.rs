fn main() {
    println!("{}", n * 2);
}
