# The pattern of most tutorials: the manifests with an empty program first, so that the dependencies get a layer.
FROM base AS build
ENV CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS=-Ctarget-feature=+crt-static
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN for source in src/lib.rs src/main.rs; do mkdir -p "$(dirname "$source")" && echo 'fn main() {}' >"$source"; done && \
    cargo build --locked --release --workspace --target x86_64-unknown-linux-gnu
COPY . .
RUN find . -name '*.rs' -exec touch {} + && cargo build --locked --release --workspace --target x86_64-unknown-linux-gnu && cargo test --locked --release --workspace --target x86_64-unknown-linux-gnu
RUN mkdir /out && cp /target/x86_64-unknown-linux-gnu/release/hyper-echo /out/
FROM scratch
COPY --from=build /out /
