//! The function itself, which knows nothing of Lambda.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// A text for each language; `{name}` stands for whom to greet.
static GREETINGS: &[u8] = include_bytes!("../assets/greetings.json");

/// Whom to greet, and how.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// Whom to greet, "world" by default.
    #[serde(default = "world")]
    pub name: String,
    /// A language as in `assets/greetings.json`, "en" by default.
    #[serde(default = "english")]
    pub language: String,
    /// How long to think about it first.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The whole sentence.
    pub message: String,
    /// The target triple of the program that answers.
    pub built_for: String,
}

/// There is no text for this language.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownLanguage(pub String);

impl std::fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "no greeting in {:?}", self.0)
    }
}

impl std::error::Error for UnknownLanguage {}

/// Greets in the languages that it has learned.
#[derive(Debug)]
pub struct Greeter {
    greetings: BTreeMap<String, String>,
}

impl Greeter {
    /// Learns the languages of `assets/greetings.json`.
    pub fn new() -> serde_json::Result<Self> {
        Ok(Self {
            greetings: serde_json::from_slice(GREETINGS)?,
        })
    }

    /// The answer to an event, after its delay.
    pub async fn greet(&self, event: Event) -> Result<Answer, UnknownLanguage> {
        tokio::time::sleep(Duration::from_millis(event.delay_ms)).await;
        let Some(greeting) = self.greetings.get(&event.language) else {
            return Err(UnknownLanguage(event.language));
        };
        Ok(Answer {
            message: greeting.replace("{name}", &event.name),
            built_for: env!("HYPER_ECHO_TARGET").into(),
        })
    }
}

fn world() -> String {
    "world".into()
}

fn english() -> String {
    "en".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    async fn greet(event: &str) -> Result<String, UnknownLanguage> {
        let event = serde_json::from_str(event).unwrap();
        let answer = Greeter::new().unwrap().greet(event).await?;
        Ok(answer.message)
    }

    #[tokio::test]
    async fn greets_in_the_language_of_the_event() {
        assert_eq!(greet("{}").await.unwrap(), "Hello, world!");
        assert_eq!(
            greet(r#"{"name": "Mika", "language": "ja"}"#)
                .await
                .unwrap(),
            "こんにちは、Mikaさん。"
        );
        assert_eq!(
            greet(r#"{"language": "tlh"}"#).await,
            Err(UnknownLanguage("tlh".into()))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn thinks_as_long_as_it_is_told() {
        let start = Instant::now();
        greet(r#"{"delay-ms": 60000}"#).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(60));
    }

    #[test]
    fn names_the_unknown_key_of_an_event() {
        let error = serde_json::from_str::<Event>(r#"{"nmae": "x"}"#).unwrap_err();
        assert!(error.to_string().contains("`nmae`"), "{error}");
    }
}
