//! Runs the program for the command line.

use std::{
    io::Write,
    process::{Command, Stdio},
};

#[test]
fn counts_the_words_on_standard_input() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_count-words"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program
        .stdin
        .take()
        .unwrap()
        .write_all(b"one two two")
        .unwrap();
    let output = program.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"one\":1,\"two\":2}\n"
    );
}
