//! Translates the phrase of an event.

use grpc::phrases::Phrase;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let client = grpc::connect().await?;
    run(service_fn(async |event: LambdaEvent<Value>| {
        let text = |name: &str| event.payload[name].as_str().unwrap_or_default().to_owned();
        let phrase = Phrase {
            language: text("language"),
            text: text("text"),
        };
        let answer = client.clone().translate(phrase).await?.into_inner();
        Ok::<_, Error>(json!({ "text": answer.text }))
    }))
    .await
}
