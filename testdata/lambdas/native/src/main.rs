//! Reports on what a static program may fail at.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use native::tls;
use rustls::crypto::{aws_lc_rs, ring};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Event {
    host: String,
}

#[derive(Debug, Serialize)]
struct Report {
    resolves: bool,
    sum: u64,
    checksum: u32,
    digest: String,
    ring: String,
    aws_lc_rs: String,
    backtrace: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(async |event: LambdaEvent<Event>| {
        let host = &event.payload.host;
        Ok::<_, Error>(Report {
            resolves: native::resolves(host),
            sum: native::sum(64),
            checksum: native::checksum(host),
            digest: native::digest(host)?,
            ring: tls::handshake(ring::default_provider())?,
            aws_lc_rs: tls::handshake(aws_lc_rs::default_provider())?,
            backtrace: native::survive().contains("native::fail"),
        })
    }))
    .await
}
