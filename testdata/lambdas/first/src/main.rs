//! Greets, as the first articles on Rust lambdas wrote it.

#[macro_use]
extern crate lambda_runtime as lambda;
#[macro_use]
extern crate log;
#[macro_use]
extern crate serde_derive;

use std::error::Error;

use futures::{future, Future};
use lambda::error::HandlerError;

#[derive(Deserialize, Clone)]
struct CustomEvent {
    #[serde(rename = "firstName")]
    first_name: String,
}

#[derive(Serialize, Clone)]
struct CustomOutput {
    message: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    simple_logger::init_with_level(log::Level::Info)?;
    lambda!(my_handler);
    Ok(())
}

fn my_handler(e: CustomEvent, c: lambda::Context) -> Result<CustomOutput, HandlerError> {
    if e.first_name == "" {
        error!("Empty first name in request {}", c.aws_request_id);
        return Err(HandlerError::from("Empty first name"));
    }
    Ok(greeting(e.first_name).wait().unwrap())
}

fn greeting(name: String) -> impl Future<Item = CustomOutput, Error = ()> {
    future::ok(name).map(|name| CustomOutput {
        message: format!("Hello, {}!", name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets() {
        let output = greeting("Ada".to_string()).wait().unwrap();
        assert_eq!(
            serde_json::to_string(&output).unwrap(),
            r#"{"message":"Hello, Ada!"}"#
        );
    }
}
