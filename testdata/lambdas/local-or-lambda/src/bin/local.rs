//! Counts the words on standard input.

use std::io;

fn main() -> io::Result<()> {
    let text = io::read_to_string(io::stdin())?;
    println!("{}", local_or_lambda::handle(&text));
    Ok(())
}
