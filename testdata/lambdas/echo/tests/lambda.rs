//! Runs the program as AWS Lambda does: it fetches its events from a Runtime API and posts the answers there.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

struct Lambda {
    api: TcpListener,
    process: Child,
}

impl Lambda {
    fn start(greeting: &str) -> Self {
        let api = TcpListener::bind("127.0.0.1:0").unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_echo"))
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                api.local_addr().unwrap().to_string(),
            )
            .env("ECHO_GREETING", greeting)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { api, process }
    }

    /// Takes one request of the program, answers it, and returns its first line and its body.
    fn exchange(&self, answer: &str) -> (String, String) {
        let (stream, _) = self.api.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut request, mut length) = (String::new(), 0);
        reader.read_line(&mut request).unwrap();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            match header.trim_end().split_once(": ") {
                Some(("Content-Length", n)) => length = n.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        (
            request.trim_end().to_owned(),
            String::from_utf8(body).unwrap(),
        )
    }

    fn send(&self, id: &str, event: &str) {
        let (request, _) = self.exchange(&format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\nContent-Length: {}\r\n\r\n{event}",
            event.len()
        ));
        assert_eq!(request, "GET /2018-06-01/runtime/invocation/next HTTP/1.1");
    }

    fn receive(&self) -> (String, String) {
        self.exchange("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn answers_events_and_goes_on_after_a_failure() {
    let lambda = Lambda::start("hello");

    lambda.send("one", r#"{"n":1}"#);
    let (request, body) = lambda.receive();
    assert_eq!(
        request,
        "POST /2018-06-01/runtime/invocation/one/response HTTP/1.1"
    );
    assert_eq!(body, r#"{"message":"hello","event":{"n":1}}"#);

    lambda.send("two", "null");
    let (request, body) = lambda.receive();
    assert_eq!(
        request,
        "POST /2018-06-01/runtime/invocation/two/error HTTP/1.1"
    );
    assert!(body.contains(r#""errorType":"Echo.NoEvent""#), "{body}");

    lambda.send("three", "[]");
    assert_eq!(lambda.receive().1, r#"{"message":"hello","event":[]}"#);
}

#[test]
fn reports_a_failed_start_and_ends() {
    let mut lambda = Lambda::start(" ");
    let (request, body) = lambda.receive();
    assert_eq!(request, "POST /2018-06-01/runtime/init/error HTTP/1.1");
    assert!(body.contains("ECHO_GREETING is blank"), "{body}");
    assert_eq!(lambda.process.wait().unwrap().code(), Some(1));
}
