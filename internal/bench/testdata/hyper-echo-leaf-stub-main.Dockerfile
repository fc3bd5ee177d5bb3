# The pattern of most tutorials: the manifests with an empty program first, so that the dependencies get a layer.
FROM base AS build
ENV CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN for source in src/lib.rs src/main.rs; do mkdir -p "$(dirname "$source")" && echo 'fn main() {}' >"$source"; done && \
    cargo build --locked --release --workspace --target x86_64-unknown-linux-musl
COPY . .
RUN find . -name '*.rs' -exec touch {} + && cargo build --locked --release --workspace --target x86_64-unknown-linux-musl && cargo test --locked --release --workspace --target x86_64-unknown-linux-musl
RUN mkdir /out && cp /target/x86_64-unknown-linux-musl/release/hyper-echo /out/
FROM scratch
COPY --from=build /out /
