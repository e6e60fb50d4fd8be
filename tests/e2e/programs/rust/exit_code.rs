fn main() {
    println!("before");
    eprintln!("giving up");
    std::process::exit(42);
}
