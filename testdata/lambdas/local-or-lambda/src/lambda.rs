//! The least that AWS Lambda asks of a program.

use std::{
    convert::Infallible,
    env,
    io::{self, Error, ErrorKind, Write},
    net::{SocketAddr, TcpStream},
};

/// Answers each event with what `handler` makes of its text, until the Runtime API fails.
pub fn serve(handler: fn(&str) -> String) -> io::Result<Infallible> {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(Error::other)?;
    let address = address.parse().map_err(Error::other)?;
    loop {
        let next = call(address, "GET", "next", "")?;
        let (id, event) =
            parse(&next).ok_or_else(|| Error::new(ErrorKind::InvalidData, next.clone()))?;
        call(address, "POST", &format!("{id}/response"), &handler(event))?;
    }
}

/// Sends a request and returns the response, which in HTTP/1.0 ends where the connection does.
fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!(
        "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.0\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    io::read_to_string(stream)
}

/// The request id and the event in a response; none when there is no event.
fn parse(response: &str) -> Option<(&str, &str)> {
    let (head, event) = response.split_once("\r\n\r\n")?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let (_, id) =
        headers.find(|(name, _)| name.eq_ignore_ascii_case("Lambda-Runtime-Aws-Request-Id"))?;
    Some((id, event))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_the_request_id_and_the_event() {
        let response =
            "HTTP/1.0 200 OK\r\nDate: now\r\nlambda-runtime-aws-request-id: 7\r\n\r\n\"hi\"";
        assert_eq!(parse(response), Some(("7", "\"hi\"")));
    }

    #[test]
    fn takes_a_refusal_for_no_event() {
        assert_eq!(parse("HTTP/1.0 403 Forbidden\r\nDate: now\r\n\r\nno"), None);
        assert_eq!(parse(""), None);
    }
}
