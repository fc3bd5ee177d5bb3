//! What a static program may fail at.

use std::{
    backtrace::Backtrace,
    io,
    net::ToSocketAddrs,
    panic,
    sync::{Arc, Mutex},
    thread,
};

pub mod tls;

/// How all of this memory is allocated.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whether a name has an address, as libc resolves it.
pub fn resolves(host: &str) -> bool {
    (host, 443).to_socket_addrs().is_ok()
}

/// The sum of the numbers up to `n`, by as many threads.
pub fn sum(n: u64) -> u64 {
    let threads: Vec<_> = (1..=n).map(|i| thread::spawn(move || i)).collect();
    threads.into_iter().map(|t| t.join().unwrap()).sum()
}

/// The checksum of RFC 1950, computed in C.
pub fn checksum(text: &str) -> u32 {
    unsafe extern "C" {
        fn adler(bytes: *const u8, length: usize) -> u32;
    }
    // SAFETY: adler reads as many bytes as it is told of, and keeps none.
    unsafe { adler(text.as_ptr(), text.len()) }
}

/// Panics, survives it, and returns what called what.
pub fn survive() -> String {
    let trace = Arc::new(Mutex::new(String::new()));
    let hook = panic::take_hook();
    panic::set_hook({
        let trace = Arc::clone(&trace);
        Box::new(move |_| *trace.lock().unwrap() = Backtrace::force_capture().to_string())
    });
    let result = panic::catch_unwind(fail);
    panic::set_hook(hook);
    assert!(result.is_err());
    let trace = trace.lock().unwrap();
    trace.clone()
}

#[inline(never)]
fn fail() {
    panic!("on purpose");
}

/// The digest of a text, by OpenSSL.
pub fn digest(text: &str) -> io::Result<String> {
    let bytes = openssl::hash::hash(openssl::hash::MessageDigest::sha256(), text.as_bytes())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
