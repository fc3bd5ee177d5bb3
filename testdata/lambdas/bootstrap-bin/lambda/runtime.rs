//! The Runtime API of AWS Lambda over HTTP/1.0, in which a response ends where the connection does.

use std::{
    env,
    io::{self, Error, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// Answers events with `handler`, whose errors go to the caller of the function and need no escape in JSON. Returns why
/// it had to stop.
pub fn serve(handler: impl Fn(&str) -> Result<String, String>) -> Error {
    let api = match env::var("AWS_LAMBDA_RUNTIME_API").map(|address| address.parse()) {
        Ok(Ok(address)) => Api(address),
        Ok(Err(error)) => return Error::other(error),
        Err(error) => return Error::other(format!("AWS_LAMBDA_RUNTIME_API: {error}")),
    };
    loop {
        if let Err(error) = api.answer(&handler) {
            return error;
        }
    }
}

struct Api(SocketAddr);

impl Api {
    fn answer(&self, handler: impl Fn(&str) -> Result<String, String>) -> io::Result<()> {
        let (head, event) = self.call("GET", "next", "")?;
        let id = header(&head, "lambda-runtime-aws-request-id")
            .ok_or_else(|| Error::other("an event without an id"))?;
        let (end, body) = match handler(&event) {
            Ok(answer) => ("response", answer),
            Err(error) => (
                "error",
                format!(r#"{{"errorType":"Order.Invalid","errorMessage":"{error}"}}"#),
            ),
        };
        self.call("POST", &format!("{id}/{end}"), &body)?;
        Ok(())
    }

    /// Sends a request, and returns the head and the body of the response.
    fn call(&self, method: &str, path: &str, body: &str) -> io::Result<(String, String)> {
        let mut stream = TcpStream::connect(self.0)?;
        write!(
            stream,
            "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.0,
            body.len()
        )?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let status = response.split(' ').nth(1).unwrap_or_default();
        match response.split_once("\r\n\r\n") {
            Some((head, body)) if status.starts_with('2') => Ok((head.into(), body.into())),
            _ => Err(Error::other(format!("{method} {path}: {response}"))),
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn finds_a_header_in_any_case() {
        let head = "HTTP/1.0 200 OK\r\nLambda-Runtime-Aws-Request-Id: 7";
        assert_eq!(header(head, "lambda-runtime-aws-request-id"), Some("7"));
        assert_eq!(header(head, "lambda"), None);
    }
}
