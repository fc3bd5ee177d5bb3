//! The service, by the client that was made of its definition.

use grpc::phrases::Phrase;
use tonic::Code;

fn phrase(language: &str, text: &str) -> Phrase {
    Phrase {
        language: language.into(),
        text: text.into(),
    }
}

#[tokio::test]
async fn translates() {
    let mut client = grpc::connect().await.unwrap();
    let answer = client.translate(phrase("de", "good morning")).await;
    assert_eq!(answer.unwrap().into_inner(), phrase("de", "guten Morgen"));
}

#[tokio::test]
async fn says_what_is_not_in_the_book() {
    let mut client = grpc::connect().await.unwrap();
    let status = client
        .translate(phrase("de", "good night"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(
        status.message(),
        r#""good night" is not in the book for "de""#
    );
}
