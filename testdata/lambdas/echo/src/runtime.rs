//! The loop of a Lambda function: take an event, answer it, take the next.
//!
//! This is the client side of the [Runtime API], version 2018-06-01.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use std::{convert::Infallible, env, error::Error, io, net::SocketAddr};

use crate::{
    http::{self, Response},
    json, Failure,
};

/// The Runtime API at one address.
#[derive(Debug, Clone)]
pub struct Runtime {
    address: SocketAddr,
}

/// An event, and the id under which it is answered.
#[derive(Debug)]
struct Invocation {
    id: String,
    event: String,
}

impl Runtime {
    /// The Runtime API that Lambda names in `AWS_LAMBDA_RUNTIME_API`, as an IP address and a port.
    pub fn from_env() -> Result<Self, Box<dyn Error>> {
        let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| {
            "AWS_LAMBDA_RUNTIME_API is not set: this program is started by AWS Lambda"
        })?;
        let address = address
            .parse()
            .map_err(|error| format!("AWS_LAMBDA_RUNTIME_API is {address:?}: {error}"))?;
        Ok(Self { address })
    }

    /// Answers events one after the other, and returns only when the Runtime API cannot be used any more.
    pub fn serve<H>(&self, mut handler: H) -> io::Result<Infallible>
    where
        H: FnMut(&str) -> Result<String, Failure>,
    {
        loop {
            let Invocation { id, event } = self.next()?;
            match handler(&event) {
                Ok(answer) => self.post(&format!("invocation/{id}/response"), &answer, None)?,
                Err(failure) => self.fail(&format!("invocation/{id}/error"), &failure)?,
            }
        }
    }

    /// Says that there will be no answers, and why. Lambda expects the process to end after it.
    pub fn fail_init(&self, failure: &Failure) -> io::Result<()> {
        self.fail("init/error", failure)
    }

    /// Waits for an event, for as long as it takes.
    fn next(&self) -> io::Result<Invocation> {
        let response = self.request("GET", "invocation/next", "", None)?;
        let id = response
            .header("Lambda-Runtime-Aws-Request-Id")
            .ok_or_else(|| http::invalid("an event came without a request id"))?
            .to_owned();
        let event = String::from_utf8(response.body).map_err(http::invalid)?;
        Ok(Invocation { id, event })
    }

    fn fail(&self, path: &str, failure: &Failure) -> io::Result<()> {
        let body = format!(
            r#"{{"errorType":{},"errorMessage":{},"stackTrace":[]}}"#,
            json::string(&failure.kind),
            json::string(&failure.message)
        );
        self.post(path, &body, Some(&failure.kind))
    }

    fn post(&self, path: &str, body: &str, error_type: Option<&str>) -> io::Result<()> {
        self.request("POST", path, body, error_type).map(drop)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: &str,
        error_type: Option<&str>,
    ) -> io::Result<Response> {
        let path = format!("/2018-06-01/runtime/{path}");
        let error_header = error_type.map(|kind| ("Lambda-Runtime-Function-Error-Type", kind));
        let headers = [("Content-Type", "application/json")]
            .into_iter()
            .chain(error_header);
        let response = http::request(self.address, method, &path, headers, body)?;
        match response.status {
            200..=299 => Ok(response),
            status => Err(io::Error::other(format!(
                "{method} {path}: status {status}: {}",
                String::from_utf8_lossy(&response.body)
            ))),
        }
    }
}
