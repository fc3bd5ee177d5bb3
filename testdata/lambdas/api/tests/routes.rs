//! The routes, called as a server calls them.

use axum::{
    body::Body,
    http::{Request, StatusCode, request::Builder},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn answer(request: Builder, body: &str) -> (StatusCode, String) {
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = api::routes().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

async fn order(json: &str) -> (StatusCode, String) {
    let post = Request::post("/orders").header("content-type", "application/json");
    answer(post, json).await
}

#[tokio::test]
async fn greets_whom_the_path_names() {
    let (status, body) = answer(Request::get("/hello/Ad%C3%A9la"), "").await;
    assert_eq!((status, &*body), (StatusCode::OK, "Hello, Adéla!\n"));
}

#[tokio::test]
async fn takes_an_order() {
    let (status, body) = order(r#"{"item": "tea", "count": 3, "cents": 250}"#).await;
    assert_eq!(status, StatusCode::CREATED);
    let receipt: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(receipt, serde_json::json!({"item": "tea", "total": 750}));
}

#[tokio::test]
async fn refuses_what_is_no_order() {
    let (status, body) = order(r#"{"item": "tea", "count": 3, "price": 250}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("`price`"), "{body}");
    let (status, _) = order(r#"{"item": "tea", "count": 2, "cents": 18446744073709551615}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn streams_a_line_for_each_number() {
    let get = Request::get("/count?to=3").body(Body::empty()).unwrap();
    let mut body = api::routes().oneshot(get).await.unwrap().into_body();
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(frames, ["1\n", "2\n", "3\n"]);
}
