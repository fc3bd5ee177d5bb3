//! The lambda's clients, against a server on loopback that answers as S3 and DynamoDB do.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use store::{Answer, Event, Store};

/// What was put into the table.
type Items = Arc<Mutex<Vec<Value>>>;

async fn object(Path((bucket, key)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let signed = headers.get("authorization").is_some_and(|value| {
        value
            .to_str()
            .unwrap()
            .starts_with("AWS4-HMAC-SHA256 Credential=AKID/")
    });
    match (signed, &*bucket, &*key) {
        (false, ..) => StatusCode::FORBIDDEN.into_response(),
        (true, "texts", "dir/poem.txt") => "one two\nthree\n".into_response(),
        _ => {
            let error =
                "<Error><Code>NoSuchKey</Code><Message>there is no such key</Message></Error>";
            (StatusCode::NOT_FOUND, error).into_response()
        }
    }
}

async fn table(State(items): State<Items>, headers: HeaderMap, body: String) -> Json<Value> {
    assert_eq!(headers["x-amz-target"], "DynamoDB_20120810.PutItem");
    items
        .lock()
        .unwrap()
        .push(serde_json::from_str(&body).unwrap());
    Json(json!({}))
}

async fn store(items: &Items) -> Store {
    let routes = Router::new()
        .route("/{bucket}/{*key}", get(object))
        .route("/", post(table))
        .with_state(Arc::clone(items));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .load()
        .await;
    Store::new(&config)
}

fn poem(key: &str) -> Event {
    Event {
        bucket: Some("texts".into()),
        key: key.into(),
    }
}

#[tokio::test]
async fn keeps_the_number_of_words() {
    let items = Items::default();
    let answer = store(&items).await.count(poem("dir/poem.txt")).await;
    assert_eq!(answer.unwrap(), Answer { words: 3 });
    let item =
        json!({"TableName": "words", "Item": {"key": {"S": "dir/poem.txt"}, "words": {"N": "3"}}});
    assert_eq!(*items.lock().unwrap(), [item]);
}

#[tokio::test]
async fn keeps_nothing_of_an_object_that_is_missing() {
    let items = Items::default();
    let error = store(&items).await.count(poem("none")).await.unwrap_err();
    assert!(format!("{error:?}").contains("NoSuchKey"), "{error:?}");
    assert_eq!(*items.lock().unwrap(), [] as [Value; 0]);
}
