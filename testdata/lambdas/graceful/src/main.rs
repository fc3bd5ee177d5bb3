//! Counts its invocations, and says how many there were when Lambda ends it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lambda_runtime::{
    Error, LambdaEvent, run, service_fn, spawn_graceful_shutdown_handler, tracing,
};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let counter = Arc::new(Counter::default());
    let last = Arc::clone(&counter);
    spawn_graceful_shutdown_handler(move || async move {
        eprintln!("goodbye after {} invocations", last.count());
    })
    .await;
    run(service_fn(async |_: LambdaEvent<Value>| {
        Ok::<_, Error>(json!({ "invocations": counter.next() }))
    }))
    .await
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    /// Counts one more, and returns the count with it.
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn counts() {
        let counter = Counter::default();
        assert_eq!((counter.next(), counter.next(), counter.count()), (1, 2, 2));
    }
}
