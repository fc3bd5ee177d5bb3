//! Events as the services send them, with fields that are null.

use serde_json::json;

#[track_caller]
fn check(event: &str, want: &[&str]) {
    let event = serde_json::from_str(event).unwrap();
    assert_eq!(events::sentences(event).unwrap(), want);
}

#[test]
fn s3() {
    check(
        include_str!("events/s3.json"),
        &[
            "ObjectCreated:Put: 2026/happy+face.jpg, 1024 bytes",
            "ObjectRemoved:DeleteMarkerCreated: old.jpg",
        ],
    );
}

#[test]
fn sqs() {
    check(
        include_str!("events/sqs.json"),
        &[
            r#"message 19dd0b57-b21e-4ac1-bd88-01bbb068cb78, try 2: {"order": 7}"#,
            "message 2, try ?: empty",
        ],
    );
}

#[test]
fn eventbridge() {
    check(
        include_str!("events/eventbridge.json"),
        &["Scheduled Event of aws.events: {}"],
    );
}

#[test]
fn dynamodb() {
    check(
        include_str!("events/dynamodb.json"),
        &[
            "MODIFY: 1 keys, 2 attributes before and 5 after",
            "REMOVE: 1 keys, 0 attributes before and 0 after",
        ],
    );
}

#[test]
fn names_the_service_that_it_does_not_know() {
    let event = json!({"Records": [{"eventSource": "aws:kinesis"}]});
    let error = events::sentences(event).unwrap_err();
    assert_eq!(error.to_string(), "no sentence for an event of aws:kinesis");
}
