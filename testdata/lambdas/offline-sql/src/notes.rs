//! A table of notes.

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

/// A note to add, and a word to look for.
#[derive(Debug, Deserialize)]
pub struct Event {
    add: Option<String>,
    #[serde(default)]
    find: String,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Note {
    id: i64,
    text: String,
}

#[derive(Debug)]
pub struct Notes(SqlitePool);

impl Notes {
    /// Opens the database, and makes the table where there is none.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        // Each connection to a database in memory has one of its own.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect(url)
            .await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self(pool))
    }

    /// Adds the note of the event, and finds those with its word.
    pub async fn answer(&self, event: Event) -> Result<Vec<Note>, sqlx::Error> {
        if let Some(text) = event.add {
            sqlx::query!("INSERT INTO notes (text) VALUES (?)", text)
                .execute(&self.0)
                .await?;
        }
        sqlx::query_as!(
            Note,
            "SELECT id, text FROM notes WHERE instr(text, ?) > 0 ORDER BY id",
            event.find
        )
        .fetch_all(&self.0)
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finds_what_was_added() {
        let notes = Notes::open("sqlite::memory:").await.unwrap();
        for text in ["buy tea", "drink tea", "sleep"] {
            let event = Event {
                add: Some(text.into()),
                find: String::new(),
            };
            notes.answer(event).await.unwrap();
        }
        let event = Event {
            add: None,
            find: "tea".into(),
        };
        let found = notes.answer(event).await.unwrap();
        let texts: Vec<_> = found.iter().map(|note| (note.id, &*note.text)).collect();
        assert_eq!(texts, [(1, "buy tea"), (2, "drink tea")]);
    }
}
