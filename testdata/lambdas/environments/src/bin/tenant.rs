//! Counts the invocations of its environment, which serves one tenant alone.

use std::sync::atomic::{AtomicU64, Ordering};

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::{Value, json};

static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(async |event: LambdaEvent<Value>| {
        if event.payload["fail"] == true {
            return Err("asked to fail");
        }
        let context = event.context;
        Ok(json!({
            "tenant": context.tenant_id,
            "invocations": INVOCATIONS.fetch_add(1, Ordering::Relaxed) + 1,
            "custom": context.client_context.map(|c| c.custom),
        }))
    }))
    .await
}
