//! Answers a text with its digest.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use openssl::{error::ErrorStack, hash::MessageDigest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |event: LambdaEvent<String>| {
        Ok::<_, Error>(digest(&event.payload)?)
    }))
    .await
}

fn digest(text: &str) -> Result<String, ErrorStack> {
    let bytes = openssl::hash::hash(MessageDigest::sha256(), text.as_bytes())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn digests() {
    let digest = digest("abc").unwrap();
    assert_eq!(
        digest,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
