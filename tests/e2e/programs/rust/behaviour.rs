//! What Rust does under limits: the first letter of the input says what, a number after it how much.
use std::env;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Barrier};
use std::thread;

#[inline(never)]
fn deep(above: &u64, n: u64) -> u64 {
    let here = unsafe { std::ptr::read_volatile(above) } + 1;
    if n == 0 {
        0
    } else {
        deep(&here, n - 1) + (here - unsafe { std::ptr::read_volatile(above) })
    }
}

fn touch(megabytes: usize) -> usize {
    let held: Vec<Vec<u8>> = (0..megabytes).map(|_| vec![b'x'; 1 << 20]).collect();
    held.len()
}

fn threads(count: u64) -> u64 {
    let together = Arc::new(Barrier::new(count as usize));
    let running: Vec<_> = (0..count)
        .map(|i| {
            let together = together.clone();
            thread::spawn(move || {
                together.wait();
                i
            })
        })
        .collect();
    running.into_iter().map(|thread| thread.join().unwrap()).sum()
}

fn sum(text: &str) -> i64 {
    text.split_whitespace().map(|word| word.parse::<i64>().unwrap()).sum()
}

fn all() -> String {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    text
}

fn number() -> u64 {
    all().trim().parse().unwrap()
}

fn place() -> String {
    format!("{} {} {}", env::var("TZ").unwrap(), env::var("LANG").unwrap(), "žluť".chars().count())
}

fn main() {
    let mut letter = [0u8];
    io::stdin().read_exact(&mut letter).unwrap();
    match letter[0] {
        b'l' => println!("{}", io::stdin().lock().lines().map(|line| sum(&line.unwrap())).sum::<i64>()),
        b's' => {
            let words = io::stdin().lock().split(b' ').map(|word| String::from_utf8(word.unwrap()).unwrap());
            println!("{}", words.map(|word| sum(&word)).sum::<i64>());
        }
        b'a' => println!("{}", sum(&all())),
        b'b' => {
            let bytes: Vec<u8> = io::stdin().bytes().map(|byte| byte.unwrap()).collect();
            println!("{}", sum(std::str::from_utf8(&bytes).unwrap()));
        }
        b'd' => println!("{} {:.2} {:e}", 0.1 + 0.2, 2.0 / 3.0, 1e21),
        b'p' => println!("{}", place()),
        b'r' => println!("{}", deep(&0, number())),
        b't' => println!("{}", touch(number() as usize)),
        b'f' => {
            let megabytes = number() as usize;
            for _ in 0..3 {
                touch(megabytes);
            }
            println!("{megabytes}");
        }
        b'w' => println!("{}", threads(number())),
        _ => unreachable!(),
    }
}
