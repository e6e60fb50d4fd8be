fn main() {
    println!("before");
    let none: Option<i32> = std::env::args().nth(99).map(|_| 1);
    println!("{}", none.unwrap());
}
