use std::io;

fn main() {
    let (mut bytes, mut lines, mut sum) = (0, 0, 0);
    for line in io::stdin().lines() {
        let line = line.unwrap();
        bytes += line.len() + 1;
        lines += 1;
        sum += line.parse::<i64>().unwrap();
    }
    println!("{bytes} {lines} {sum}");
}
