//! The client side of the [Runtime API], version 2018-06-01: take an event, answer it, take the next.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use std::{
    convert::Infallible,
    env,
    error::Error,
    future::Future,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header, Method, Request, Response,
};
use hyper_util::rt::TokioIo;
use serde::{de::DeserializeOwned, Serialize};
use tokio::{net::TcpStream, time::timeout};

/// Fails with whatever went wrong between this program and the Runtime API.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// An answer must leave this long before Lambda ends the process.
const MARGIN: Duration = Duration::from_millis(20);

/// A connection to the Runtime API, opened anew when the other side closes it.
#[derive(Debug)]
pub struct Runtime {
    address: SocketAddr,
    connection: SendRequest<Full<Bytes>>,
}

/// How Lambda hears of a failure.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    error_type: &'a str,
    error_message: String,
    stack_trace: [&'a str; 0],
}

impl Runtime {
    /// Connects to the Runtime API that Lambda names in `AWS_LAMBDA_RUNTIME_API`, as an IP address and a port.
    pub async fn from_env() -> Result<Self> {
        let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| {
            "AWS_LAMBDA_RUNTIME_API is not set: this program is started by AWS Lambda"
        })?;
        Self::connect(address.parse()?).await
    }

    /// Connects to the Runtime API at `address`.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            address,
            connection: open(address).await?,
        })
    }

    /// Answers events one after the other, and returns only when the Runtime API cannot be used any more.
    ///
    /// An event that is not an `E`, a handler that fails and one that takes too long are reported to Lambda.
    pub async fn serve<E, A, X, H, F>(&mut self, handler: H) -> Result<Infallible>
    where
        E: DeserializeOwned,
        A: Serialize,
        X: Error,
        H: Fn(E) -> F,
        F: Future<Output = std::result::Result<A, X>>,
    {
        loop {
            let (parts, event) = self
                .call(Method::GET, "invocation/next", Bytes::new())
                .await?
                .into_parts();
            let header = |name| {
                parts
                    .headers
                    .get(name)
                    .ok_or(name)?
                    .to_str()
                    .map_err(|_| name)
            };
            let id = header("lambda-runtime-aws-request-id")?;
            let deadline = Duration::from_millis(header("lambda-runtime-deadline-ms")?.parse()?);

            let outcome = match serde_json::from_slice(&event) {
                Ok(event) => match timeout(time_until(deadline), handler(event)).await {
                    Ok(Ok(answer)) => Ok(serde_json::to_vec(&answer)?),
                    Ok(Err(error)) => Err(Failure::new("Function.Failed", error)),
                    Err(late) => Err(Failure::new("Function.TimedOut", late)),
                },
                Err(error) => Err(Failure::new("Function.BadEvent", error)),
            };
            let (end, body) = match outcome {
                Ok(answer) => ("response", answer),
                Err(failure) => ("error", serde_json::to_vec(&failure)?),
            };
            self.call(Method::POST, &format!("invocation/{id}/{end}"), body.into())
                .await?;
        }
    }

    async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Result<Response<Bytes>> {
        if self.connection.ready().await.is_err() {
            self.connection = open(self.address).await?;
        }
        let request = Request::builder()
            .method(method)
            .uri(format!("/2018-06-01/runtime/{path}"))
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let (parts, body) = self.connection.send_request(request).await?.into_parts();
        let body = whole(body).await?;
        if !parts.status.is_success() {
            return Err(format!(
                "{path}: {}: {}",
                parts.status,
                String::from_utf8_lossy(&body)
            )
            .into());
        }
        Ok(Response::from_parts(parts, body))
    }
}

impl<'a> Failure<'a> {
    fn new(error_type: &'a str, error: impl Error) -> Self {
        Self {
            error_type,
            error_message: error.to_string(),
            stack_trace: [],
        }
    }
}

async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn whole(body: Incoming) -> hyper::Result<Bytes> {
    Ok(body.collect().await?.to_bytes())
}

/// How long a handler may still take when Lambda ends the process at `deadline`, counted from 1970.
fn time_until(deadline: Duration) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    deadline.saturating_sub(now + MARGIN)
}
