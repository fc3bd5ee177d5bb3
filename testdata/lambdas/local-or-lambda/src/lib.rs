//! Counts words. `count-words` does it on a command line; `count-words-lambda`, with the feature `with-lambda`, on AWS
//! Lambda. Both call [`handle`].

#[cfg(feature = "with-lambda")]
pub mod lambda;

use std::collections::BTreeMap;

/// How often each word of a text occurs, as a JSON object in alphabetical order. Case makes no difference.
pub fn handle(text: &str) -> String {
    let mut counts = BTreeMap::new();
    for word in words(text) {
        *counts.entry(word).or_insert(0) += 1;
    }
    let members: Vec<_> = counts
        .iter()
        .map(|(word, count)| format!(r#""{word}":{count}"#))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The words of a text in lower case: whatever lies between characters that are no letters or digits.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::handle;

    #[test]
    fn counts_words_whatever_their_case_and_punctuation() {
        let cases = [
            ("", "{}"),
            (" ?!", "{}"),
            ("To be, or not to be", r#"{"be":2,"not":1,"or":1,"to":2}"#),
            ("Öl \"öl\"\\", r#"{"öl":2}"#),
        ];
        for (text, counts) in cases {
            assert_eq!(handle(text), counts, "{text:?}");
        }
    }
}
