//! Sentences on what happened, from events of four services.

use aws_lambda_events::{dynamodb, eventbridge::EventBridgeEvent, s3::S3Event, sqs::SqsEvent};
use lambda_runtime::Error;
use serde_json::Value;

/// A sentence for each thing that the event reports.
pub fn sentences(event: Value) -> Result<Vec<String>, Error> {
    // EventBridge alone sends no records, and DynamoDB and SQS write the name of the key in lower case as S3 does.
    match event
        .pointer("/Records/0/eventSource")
        .and_then(Value::as_str)
    {
        Some("aws:s3") => Ok(s3(serde_json::from_value(event)?)),
        Some("aws:sqs") => Ok(sqs(serde_json::from_value(event)?)),
        Some("aws:dynamodb") => Ok(dynamodb(serde_json::from_value(event)?)),
        Some(other) => Err(format!("no sentence for an event of {other}").into()),
        None => Ok(vec![bridge(serde_json::from_value(event)?)]),
    }
}

fn s3(event: S3Event) -> Vec<String> {
    let sentence = |record: &aws_lambda_events::s3::S3EventRecord| {
        let object = &record.s3.object;
        let name = record.event_name.as_deref().unwrap_or("something");
        let key = object.key.as_deref().unwrap_or("no key");
        match object.size {
            Some(size) => format!("{name}: {key}, {size} bytes"),
            None => format!("{name}: {key}"),
        }
    };
    event.records.iter().map(sentence).collect()
}

fn sqs(event: SqsEvent) -> Vec<String> {
    let sentence = |message: &aws_lambda_events::sqs::SqsMessage| {
        let tries = message.attributes.get("ApproximateReceiveCount");
        format!(
            "message {}, try {}: {}",
            message.message_id.as_deref().unwrap_or("without an id"),
            tries.map_or("?", String::as_str),
            message.body.as_deref().unwrap_or("empty"),
        )
    };
    event.records.iter().map(sentence).collect()
}

fn dynamodb(event: dynamodb::Event) -> Vec<String> {
    let sentence = |record: &dynamodb::EventRecord| {
        let change = &record.change;
        format!(
            "{}: {} keys, {} attributes before and {} after",
            record.event_name,
            change.keys.len(),
            change.old_image.len(),
            change.new_image.len(),
        )
    };
    event.records.iter().map(sentence).collect()
}

fn bridge(event: EventBridgeEvent) -> String {
    format!(
        "{} of {}: {}",
        event.detail_type, event.source, event.detail
    )
}
