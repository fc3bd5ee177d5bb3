//! Starts the program where there is no AWS Lambda.

use std::process::Command;

#[test]
fn says_what_it_misses() {
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("AWS_LAMBDA_RUNTIME_API"), "{message}");
    assert_eq!(output.status.code(), Some(1));
}
