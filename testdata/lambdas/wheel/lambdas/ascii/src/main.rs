//! Finds the Latin words of a text.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use wheel_words::words;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |event: LambdaEvent<String>| {
        Ok::<_, Error>(words(&event.payload)?.join(" "))
    }))
    .await
}

#[test]
fn finds_words() {
    assert_eq!(words("né à Paris").unwrap(), ["n", "Paris"]);
}
