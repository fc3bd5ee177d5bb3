//! Serves the routes behind a function URL that streams.

use lambda_http::{Error, run_with_streaming_response, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run_with_streaming_response(api::routes()).await
}
