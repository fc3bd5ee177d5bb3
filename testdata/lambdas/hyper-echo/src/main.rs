//! The Lambda function: greets whom the event names, in the language that it names.

use std::convert::Infallible;

use hyper_echo::{
    greeter::Greeter,
    runtime::{Result, Runtime},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<Infallible> {
    let mut runtime = Runtime::from_env().await?;
    let greeter = Greeter::new()?;
    runtime.serve(|event| greeter.greet(event)).await
}
