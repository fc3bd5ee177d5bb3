//! A client and a server of TLS that talk by memory.

use std::{error::Error, io, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    crypto::CryptoProvider, pki_types::PrivateKeyDer,
};

const HOST: &str = "native.internal";

/// The cipher suite of a handshake in which both sides use the cryptography of a provider.
pub fn handshake(provider: CryptoProvider) -> Result<String, Box<dyn Error + Send + Sync>> {
    let certified = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;

    let provider = Arc::new(provider);
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client), HOST.try_into()?)?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire)?;
        server.read_tls(&mut io::Cursor::new(&wire))?;
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire)?;
        client.read_tls(&mut io::Cursor::new(&wire))?;
        client.process_new_packets()?;
    }
    let suite = client.negotiated_cipher_suite().ok_or("no cipher suite")?;
    Ok(format!("{:?}", suite.suite()))
}
