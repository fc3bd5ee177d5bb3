//! Keeps notes, and answers with those that hold a word.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use notes::{Event, Notes};

mod notes;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let notes = Notes::open("sqlite::memory:").await?;
    run(service_fn(async |event: LambdaEvent<Event>| {
        notes.answer(event.payload).await.map_err(Error::from)
    }))
    .await
}
