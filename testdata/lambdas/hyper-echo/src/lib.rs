//! Greets in several languages: [`greeter`] is the function, [`runtime`] connects it to AWS Lambda.

pub mod greeter;
pub mod runtime;
