//! What the lambdas of the fleet have in common: events with a type, failures, and the loop around a handler.
//!
//! With the feature `timing`, each event leaves a line with its duration in the log.

mod api;

use std::{convert::Infallible, env, io};

pub use fleet_event::Event;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use api::Api;

/// An event that is told from others by its member `type`.
pub trait Event: DeserializeOwned {
    /// The value of `type`.
    const TYPE: &'static str;
}

/// Why there is no answer, as Lambda reports it.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// By Lambda's custom, `Category.Reason`.
    pub error_type: &'static str,
    /// One sentence.
    pub error_message: String,
}

impl Failure {
    /// A failure of that type.
    pub fn new(error_type: &'static str, error_message: impl ToString) -> Self {
        Self {
            error_type,
            error_message: error_message.to_string(),
        }
    }
}

/// Answers the events that AWS Lambda sends, until its Runtime API fails.
pub fn serve<E: Event, A: Serialize>(
    handler: impl Fn(E) -> Result<A, Failure>,
) -> io::Result<Infallible> {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let api = Api::new(address.parse().map_err(io::Error::other)?);
    loop {
        let (id, event) = api.next()?;
        let _timer = cfg!(feature = "timing").then(|| Timer::start(&id));
        match answer(&event, &handler) {
            Ok(answer) => api.post(&id, "response", &serde_json::to_vec(&answer)?)?,
            Err(failure) => api.post(&id, "error", &serde_json::to_vec(&failure)?)?,
        }
    }
}

/// What `handler` answers to an event in JSON, if it is of its type.
pub fn answer<E: Event, A>(
    event: &[u8],
    handler: impl Fn(E) -> Result<A, Failure>,
) -> Result<A, Failure> {
    let event: Value =
        serde_json::from_slice(event).map_err(|error| Failure::new("Event.NotJson", error))?;
    if event["type"] != E::TYPE {
        let message = format!("this function takes events of the type {:?}", E::TYPE);
        return Err(Failure::new("Event.WrongType", message));
    }
    let event =
        serde_json::from_value(event).map_err(|error| Failure::new("Event.Invalid", error))?;
    handler(event)
}

struct Timer<'a> {
    id: &'a str,
    start: std::time::Instant,
}

impl<'a> Timer<'a> {
    fn start(id: &'a str) -> Self {
        let start = std::time::Instant::now();
        Self { id, start }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        eprintln!("{}: {:?}", self.id, self.start.elapsed());
    }
}
