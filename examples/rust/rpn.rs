//! Evaluates a line of reverse Polish notation: "3 4 + 2 *" is 14.
use std::io;

fn evaluate(line: &str) -> Result<f64, String> {
    let mut stack: Vec<f64> = Vec::new();
    for word in line.split_whitespace() {
        if let Ok(number) = word.parse() {
            stack.push(number);
            continue;
        }
        let (b, a) = match (stack.pop(), stack.pop()) {
            (Some(b), Some(a)) => (b, a),
            _ => return Err(format!("{word} wants two numbers")),
        };
        stack.push(match word {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            _ => return Err(format!("what is {word}?")),
        });
    }
    match stack[..] {
        [result] => Ok(result),
        _ => Err(format!("{} numbers are left", stack.len())),
    }
}

fn main() {
    for line in io::stdin().lines() {
        match evaluate(&line.unwrap()) {
            Ok(result) => println!("{result}"),
            Err(why) => println!("error: {why}"),
        }
    }
}
