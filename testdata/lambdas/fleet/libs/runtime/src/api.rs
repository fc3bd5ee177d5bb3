//! The Runtime API over HTTP/1.0, in which a response ends where the connection does.

use std::{
    io::{self, Error, Read, Write},
    net::{SocketAddr, TcpStream},
};

pub struct Api {
    address: SocketAddr,
}

impl Api {
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Waits for an event, and returns its request id and its text.
    pub fn next(&self) -> io::Result<(String, Vec<u8>)> {
        let (head, event) = self.call("GET", "next", b"")?;
        let id = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("Lambda-Runtime-Aws-Request-Id"))
            .map(|(_, id)| id.trim().to_owned())
            .ok_or_else(|| Error::other("an event came without a request id"))?;
        Ok((id, event))
    }

    /// Ends the invocation `id` with a `response` or an `error`.
    pub fn post(&self, id: &str, end: &str, body: &[u8]) -> io::Result<()> {
        self.call("POST", &format!("{id}/{end}"), body).map(drop)
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> io::Result<(String, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.address)?;
        let head = format!(
            "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;

        let end_of_head = response
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .ok_or_else(|| Error::other(format!("{method} {path}: the response is cut short")))?;
        let body = response.split_off(end_of_head + 4);
        let head = String::from_utf8(response).map_err(Error::other)?;
        match head.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok((head, body)),
            _ => Err(Error::other(format!("{method} {path}: {head}"))),
        }
    }
}
