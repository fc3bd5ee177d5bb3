//! Compiles the checksum that is written in C.

fn main() {
    println!("cargo::rerun-if-changed=src/adler.c");
    cc::Build::new().file("src/adler.c").compile("adler");
}
