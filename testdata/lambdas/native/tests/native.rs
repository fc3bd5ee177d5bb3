//! Each of the things that a static program may fail at.

use native::tls::handshake;
use rustls::crypto::{aws_lc_rs, ring};

#[test]
fn resolves_names() {
    assert!(native::resolves("localhost"));
    assert!(!native::resolves("no-such-host.invalid"));
}

#[test]
fn talks_tls() {
    assert_eq!(
        handshake(ring::default_provider()).unwrap(),
        "TLS13_AES_256_GCM_SHA384"
    );
    assert_eq!(
        handshake(aws_lc_rs::default_provider()).unwrap(),
        "TLS13_AES_256_GCM_SHA384"
    );
}

#[test]
fn calls_c() {
    assert_eq!(native::checksum("Wikipedia"), 0x11e6_0398);
    let digest = native::digest("abc").unwrap();
    assert_eq!(
        digest,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn starts_threads() {
    assert_eq!(native::sum(200), 20_100);
}

#[test]
fn survives_panics() {
    let trace = native::survive();
    assert!(trace.contains("native::fail"), "{trace}");
}
