//! Finds the words of a text: of any alphabet with the feature `unicode`, and else of the Latin one.

use regex::Regex;

const WORD: &str = if cfg!(feature = "unicode") {
    r"\w+"
} else {
    "[0-9A-Za-z_]+"
};

/// The words of a text, in their order.
pub fn words(text: &str) -> Result<Vec<&str>, regex::Error> {
    let word = Regex::new(WORD)?;
    Ok(word.find_iter(text).map(|found| found.as_str()).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_the_alphabets_of_its_features() {
        let words = super::words("né à Paris").unwrap();
        if cfg!(feature = "unicode") {
            assert_eq!(words, ["né", "à", "Paris"]);
        } else {
            assert_eq!(words, ["n", "Paris"]);
        }
    }
}
