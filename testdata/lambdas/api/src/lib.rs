//! The routes, which know nothing of Lambda.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

/// What somebody wants to have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    item: String,
    count: u32,
    cents: u64,
}

/// What the order costs.
#[derive(Debug, Serialize)]
struct Receipt {
    item: String,
    total: u64,
}

#[derive(Debug, Deserialize)]
struct Limit {
    to: u32,
}

/// All routes of the API.
pub fn routes() -> Router {
    Router::new()
        .route("/hello/{name}", get(hello))
        .route("/orders", post(order))
        .route("/count", get(count))
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!\n")
}

async fn order(Json(order): Json<Order>) -> Result<impl IntoResponse, StatusCode> {
    let total = order
        .cents
        .checked_mul(order.count.into())
        .ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
    let receipt = Receipt {
        item: order.item,
        total,
    };
    Ok((StatusCode::CREATED, Json(receipt)))
}

/// Streams a line for each number, so that the first is read before the last is written.
async fn count(Query(limit): Query<Limit>) -> impl IntoResponse {
    let lines = tokio_stream::iter(1..=limit.to)
        .throttle(Duration::from_millis(1))
        .map(|n| Ok::<_, Infallible>(format!("{n}\n")));
    (
        [(header::CONTENT_TYPE, "text/plain")],
        Body::from_stream(lines),
    )
}
