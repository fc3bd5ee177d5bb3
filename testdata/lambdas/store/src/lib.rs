//! Counts the words of objects in S3, and keeps the numbers in DynamoDB.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

const TABLE: &str = "words";

/// Names the object. An event without a bucket keeps the lambda warm.
#[derive(Debug, Deserialize)]
pub struct Event {
    pub bucket: Option<String>,
    #[serde(default)]
    pub key: String,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Answer {
    pub words: usize,
}

/// The clients of both services.
#[derive(Debug)]
pub struct Store {
    objects: aws_sdk_s3::Client,
    tables: aws_sdk_dynamodb::Client,
}

impl Store {
    pub fn new(config: &SdkConfig) -> Self {
        // Servers that are not Amazon's have no host for each bucket.
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(config.endpoint_url().is_some())
            .build();
        Self {
            objects: aws_sdk_s3::Client::from_conf(s3),
            tables: aws_sdk_dynamodb::Client::new(config),
        }
    }

    /// Counts the words of the object that the event names.
    pub async fn count(&self, event: Event) -> Result<Answer, Error> {
        let Some(bucket) = event.bucket else {
            return Ok(Answer { words: 0 });
        };
        let object = self
            .objects
            .get_object()
            .bucket(bucket)
            .key(&event.key)
            .send()
            .await?;
        let text = object.body.collect().await?.to_vec();
        let words = String::from_utf8(text)?.split_whitespace().count();
        self.tables
            .put_item()
            .table_name(TABLE)
            .item("key", AttributeValue::S(event.key))
            .item("words", AttributeValue::N(words.to_string()))
            .send()
            .await?;
        Ok(Answer { words })
    }
}
