//! HTTP/1.1 with a connection for each request, which is all that the Runtime API asks for.

use std::{
    error::Error,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// What a server answered.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

/// Sends a request to `address` and waits for the whole response.
pub fn request<'a>(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &str,
) -> io::Result<Response> {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());

    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    Response::read(BufReader::new(stream))
}

impl Response {
    /// The first header of that name, in upper or lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(is_it)
            .map(|(_, value)| value.as_str())
    }

    fn read(mut stream: impl BufRead) -> io::Result<Self> {
        let status = line(&mut stream)?;
        let status = status
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
            .ok_or_else(|| invalid(format!("not a status line: {status:?}")))?;

        let mut headers = Vec::new();
        loop {
            let header = line(&mut stream)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| invalid(format!("not a header: {header:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }

        let mut response = Self {
            status,
            headers,
            body: Vec::new(),
        };
        if response.header("Transfer-Encoding").is_some() {
            response.body = chunks(stream)?;
        } else if let Some(length) = response.header("Content-Length") {
            response.body = vec![0; length.parse().map_err(invalid)?];
            stream.read_exact(&mut response.body)?;
        } else {
            stream.read_to_end(&mut response.body)?;
        }
        Ok(response)
    }
}

/// An error for an answer that makes no sense.
pub fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The body of a response whose server did not know its length at the start.
fn chunks(mut stream: impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(&mut stream)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(invalid)?;
        if size == 0 {
            return Ok(body);
        }
        if stream.by_ref().take(size).read_to_end(&mut body)? as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line(&mut stream)?;
    }
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_body_by_length_by_chunks_and_to_the_end() {
        for rest in [
            "content-length: 5\r\n\r\nhello, and what is not of the body",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "\r\nhello",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\nX-One:  1 \r\n{rest}");
            let response = Response::read(text.as_bytes()).unwrap();
            assert_eq!(response.status, 200);
            assert_eq!(response.header("x-one"), Some("1"));
            assert_eq!(response.header("x-two"), None);
            assert_eq!(response.body, b"hello");
        }
    }

    #[test]
    fn refuses_what_is_cut_short_or_not_http() {
        for text in [
            "",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        ] {
            assert!(Response::read(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
