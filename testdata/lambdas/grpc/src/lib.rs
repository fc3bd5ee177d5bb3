//! A service of gRPC, and a client that reaches it within the process.

use phrases::{
    Phrase,
    phrases_client::PhrasesClient,
    phrases_server::{Phrases, PhrasesServer},
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Error, Server},
};

/// What protoc and the build script made of `proto/phrases.proto`.
pub mod phrases {
    tonic::include_proto!("phrases");
}

#[derive(Debug)]
struct Book;

#[tonic::async_trait]
impl Phrases for Book {
    async fn translate(&self, request: Request<Phrase>) -> Result<Response<Phrase>, Status> {
        let Phrase { language, text } = request.into_inner();
        let text = match (&*language, &*text) {
            ("de", "good morning") => "guten Morgen",
            ("fr", "good morning") => "bonjour",
            _ => {
                return Err(Status::not_found(format!(
                    "{text:?} is not in the book for {language:?}"
                )));
            }
        };
        Ok(Response::new(Phrase {
            language,
            text: text.into(),
        }))
    }
}

/// Starts the service, and connects to it by a pipe in memory.
pub async fn connect() -> Result<PhrasesClient<Channel>, Error> {
    let (client, server) = tokio::io::duplex(1 << 16);
    let book = Server::builder().add_service(PhrasesServer::new(Book));
    tokio::spawn(book.serve_with_incoming(tokio_stream::once(Ok::<_, std::io::Error>(server))));
    let mut client = Some(client);
    let channel = Endpoint::from_static("http://phrases.internal")
        .connect_with_connector(tower::service_fn(move |_| {
            let client = client.take().ok_or(std::io::ErrorKind::ConnectionAborted);
            async move { Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(client?)) }
        }))
        .await?;
    Ok(PhrasesClient::new(channel))
}
