mod helper;

fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("{}", helper::twice_plus_two(line.trim().parse().unwrap()));
}
