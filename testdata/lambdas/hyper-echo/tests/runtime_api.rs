//! Serves the greeter to a Runtime API of the test's own.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
    Method, Request, Response, StatusCode,
};
use hyper_echo::{greeter::Greeter, runtime::Runtime};
use hyper_util::rt::TokioIo;
use serde_json::{json, Value};
use tokio::{net::TcpListener, sync::mpsc};

/// Hands out `events`, and then fails; sends each answer as the last part of its path and its body.
async fn runtime_api(events: Vec<Value>) -> (SocketAddr, mpsc::UnboundedReceiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (answers, receiver) = mpsc::unbounded_channel();
    let events = Arc::new(Mutex::new(events.into_iter()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (events, answers) = (events.clone(), answers.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (events, answers) = (events.clone(), answers.clone());
                async move {
                    if request.method() == Method::GET {
                        return match events.lock().unwrap().next() {
                            Some(event) => next(&event),
                            None => status(StatusCode::GONE),
                        };
                    }
                    let end = request.uri().path().rsplit('/').next().unwrap().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    answers
                        .send((end, serde_json::from_slice(&body).unwrap()))
                        .unwrap();
                    status(StatusCode::ACCEPTED)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, receiver)
}

fn next(event: &Value) -> hyper::http::Result<Response<Full<Bytes>>> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let deadline = now + Duration::from_millis(500);
    Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", "8476a536")
        .header(
            "Lambda-Runtime-Deadline-Ms",
            deadline.as_millis().to_string(),
        )
        .body(Full::from(event.to_string()))
}

fn status(status: StatusCode) -> hyper::http::Result<Response<Full<Bytes>>> {
    Response::builder().status(status).body(Full::default())
}

#[tokio::test]
async fn answers_and_reports_until_the_api_is_gone() {
    let (address, mut answers) = runtime_api(vec![
        json!({"name": "Ada", "language": "fr"}),
        json!({"language": "tlh"}),
        json!("Ada"),
        json!({"delay-ms": 60000}),
    ])
    .await;
    let greeter = Greeter::new().unwrap();
    let mut runtime = Runtime::connect(address).await.unwrap();
    let end = runtime
        .serve(|event| greeter.greet(event))
        .await
        .unwrap_err();
    assert!(end.to_string().contains("410 Gone"), "{end}");

    let (path, answer) = answers.recv().await.unwrap();
    assert_eq!(
        (path.as_str(), &answer["message"]),
        ("response", &json!("Bonjour, Ada !"))
    );
    for error_type in ["Function.Failed", "Function.BadEvent", "Function.TimedOut"] {
        let (path, answer) = answers.recv().await.unwrap();
        assert_eq!(
            (path.as_str(), &answer["errorType"]),
            ("error", &json!(error_type))
        );
    }
}
