//! Compiles the definition of the service.

fn main() -> std::io::Result<()> {
    tonic_prost_build::compile_protos("proto/phrases.proto")
}
