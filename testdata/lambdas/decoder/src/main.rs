//! Reads the event by the type of the example that `EXAMPLE` names.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let name = std::env::var("EXAMPLE")?;
    run(service_fn(
        async |event: LambdaEvent<Box<RawValue>>| match decoder::read(&name, event.payload.get()) {
            Some(read) => read.map(|()| "read").map_err(Error::from),
            None => Ok("no type"),
        },
    ))
    .await
}
