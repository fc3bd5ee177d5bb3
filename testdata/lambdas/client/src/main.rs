//! Asks the functions of `lpipe serve` by AWS's SDK, and prints what comes back.

use std::error::Error;

use aws_config::BehaviorVersion;
use aws_sdk_lambda::{
    Client,
    primitives::Blob,
    types::{InvocationType, InvokeWithResponseStreamResponseEvent, LogType},
};

/// `{"custom":{"color":"blue"}}` in base64, as the API wants it.
const CLIENT_CONTEXT: &str = "eyJjdXN0b20iOnsiY29sb3IiOiJibHVlIn19";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Endpoint, region and credentials are those of the environment.
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let invoke = |function: &str, payload: &str| {
        client
            .invoke()
            .function_name(function)
            .payload(Blob::new(payload))
    };

    let answer = invoke("tenant", r#"{"ping":1}"#)
        .log_type(LogType::Tail)
        .qualifier("live")
        .client_context(CLIENT_CONTEXT)
        .send()
        .await?;
    println!(
        "answer {} {} {}",
        answer.status_code(),
        answer.executed_version().unwrap_or("?"),
        text(answer.payload())
    );
    println!(
        "log {}",
        answer.log_result().is_some_and(|log| !log.is_empty())
    );
    for tenant in ["blue", "green", "blue"] {
        let answer = invoke("tenant", "{}").tenant_id(tenant).send().await?;
        println!("tenant {}", text(answer.payload()));
    }
    let failed = invoke("tenant", r#"{"fail":true}"#).send().await?;
    println!(
        "error {} {}",
        failed.function_error().unwrap_or("?"),
        text(failed.payload())
    );
    for kind in [InvocationType::Event, InvocationType::DryRun] {
        let accepted = invoke("tenant", "{}")
            .invocation_type(kind.clone())
            .send()
            .await?;
        println!("{kind} {}", accepted.status_code());
    }
    let missing = invoke("missing", "{}").send().await;
    println!(
        "missing {}",
        missing.is_err_and(|e| e.into_service_error().is_resource_not_found_exception())
    );
    let wrong = invoke("tenant", "{").send().await;
    println!(
        "no JSON {}",
        wrong.is_err_and(|e| e
            .into_service_error()
            .is_invalid_request_content_exception())
    );

    let mut streamed = client
        .invoke_with_response_stream()
        .function_name("tenant")
        .payload(Blob::new(r#"{"stream":1}"#))
        .send()
        .await?
        .event_stream;
    let (mut payload, mut complete) = (String::new(), false);
    while let Some(event) = streamed.recv().await? {
        match event {
            InvokeWithResponseStreamResponseEvent::PayloadChunk(chunk) => {
                payload += text(chunk.payload());
            }
            InvokeWithResponseStreamResponseEvent::InvokeComplete(end) => {
                complete = end.error_code().is_none();
            }
            _ => {}
        }
    }
    println!("stream {complete} {payload}");
    Ok(())
}

/// What a payload says.
fn text(payload: Option<&Blob>) -> &str {
    payload.map_or("", |p| str::from_utf8(p.as_ref()).unwrap_or("?"))
}
