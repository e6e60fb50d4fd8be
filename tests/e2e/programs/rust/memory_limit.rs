fn main() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![b'x'; 1_000_000]);
    }
}
