//! Answers a request when as many are in its environment as the event says.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, run_concurrent, service_fn, tracing};
use serde_json::{Value, json};
use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let inside = Arc::new(watch::Sender::new(0));
    run_concurrent(service_fn(move |event: LambdaEvent<Value>| {
        together(
            Arc::clone(&inside),
            event.payload["together"].as_u64().unwrap_or(1),
        )
    }))
    .await
}

/// Waits until that many requests have come, and tells how many there were.
async fn together(inside: Arc<watch::Sender<u64>>, wanted: u64) -> Result<Value, Error> {
    inside.send_modify(|n| *n += 1);
    let count = *inside.subscribe().wait_for(|n| *n >= wanted).await?;
    Ok(json!({ "requests": count }))
}
