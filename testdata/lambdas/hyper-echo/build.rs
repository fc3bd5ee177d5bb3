//! Tells the program what it was built for; the answers carry it.

use std::env;

fn main() {
    let target = env::var("TARGET").expect("cargo sets it");
    println!("cargo:rustc-env=HYPER_ECHO_TARGET={target}");
    println!("cargo:rerun-if-changed=build.rs");
}
