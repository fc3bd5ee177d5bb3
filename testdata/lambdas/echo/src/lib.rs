//! A Lambda function without dependencies: the handler is [`Echo`], and [`runtime`] connects it to AWS Lambda.

mod http;
pub mod json;
pub mod runtime;

use std::{env, fmt};

/// The handler: it puts a greeting beside the event.
#[derive(Debug)]
pub struct Echo {
    greeting: String,
}

impl Echo {
    /// Takes the greeting from `ECHO_GREETING`, "hello" by default.
    pub fn from_env() -> Result<Self, Failure> {
        Self::new(env::var("ECHO_GREETING").unwrap_or_else(|_| "hello".into()))
    }

    /// Refuses a greeting of nothing but blanks.
    pub fn new(greeting: impl Into<String>) -> Result<Self, Failure> {
        let greeting = greeting.into();
        if greeting.trim().is_empty() {
            return Err(Failure::new("Echo.NoGreeting", "ECHO_GREETING is blank"));
        }
        Ok(Self { greeting })
    }

    /// The answer to an event, both of them JSON: `{"message":"hello","event":…}`. There is none to `null`.
    pub fn answer(&self, event: &str) -> Result<String, Failure> {
        match event.trim() {
            "" | "null" => Err(Failure::new("Echo.NoEvent", "there is nothing to echo")),
            event => Ok(format!(
                r#"{{"message":{},"event":{event}}}"#,
                json::string(&self.greeting)
            )),
        }
    }
}

/// A failure as Lambda reports it: a type for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// By Lambda's custom, `Category.Reason`.
    pub kind: String,
    /// One sentence.
    pub message: String,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.kind)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_the_event_and_the_greeting() {
        let echo = Echo::new("good \"day\"").unwrap();
        assert_eq!(
            echo.answer(" {\"n\": 1}\n").unwrap(),
            r#"{"message":"good \"day\"","event":{"n": 1}}"#
        );
    }

    #[test]
    fn has_no_answer_to_nothing() {
        let echo = Echo::new("hello").unwrap();
        for event in ["", " ", "null"] {
            assert_eq!(echo.answer(event).unwrap_err().kind, "Echo.NoEvent");
        }
    }

    #[test]
    fn refuses_a_blank_greeting() {
        assert_eq!(Echo::new(" ").unwrap_err().kind, "Echo.NoGreeting");
    }
}
