# The pattern of most tutorials: the manifests with an empty program first, so that the dependencies get a layer.
FROM base AS build
ENV CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY lambdas/lambda-0/Cargo.toml lambdas/lambda-0/
COPY lambdas/lambda-1/Cargo.toml lambdas/lambda-1/
COPY lambdas/lambda-2/Cargo.toml lambdas/lambda-2/
COPY lambdas/lambda-3/Cargo.toml lambdas/lambda-3/
COPY lambdas/lambda-4/Cargo.toml lambdas/lambda-4/
COPY lambdas/lambda-5/Cargo.toml lambdas/lambda-5/
COPY lambdas/lambda-6/Cargo.toml lambdas/lambda-6/
COPY lambdas/lambda-7/Cargo.toml lambdas/lambda-7/
COPY libs/letters/Cargo.toml libs/letters/
COPY libs/model/Cargo.toml libs/model/
COPY libs/rules/Cargo.toml libs/rules/
RUN for source in lambdas/lambda-0/src/main.rs lambdas/lambda-1/src/main.rs lambdas/lambda-2/src/main.rs lambdas/lambda-3/src/main.rs lambdas/lambda-4/src/main.rs lambdas/lambda-5/src/main.rs lambdas/lambda-6/src/main.rs lambdas/lambda-7/src/main.rs libs/letters/src/lib.rs libs/model/src/lib.rs libs/rules/src/lib.rs; do mkdir -p "$(dirname "$source")" && echo 'fn main() {}' >"$source"; done && \
    cargo build --locked --release --workspace --target x86_64-unknown-linux-musl
COPY . .
RUN find . -name '*.rs' -exec touch {} + && cargo build --locked --release --workspace --target x86_64-unknown-linux-musl && cargo test --locked --release --workspace --target x86_64-unknown-linux-musl
RUN mkdir /out && cp /target/x86_64-unknown-linux-musl/release/lambda-0 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-1 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-2 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-3 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-4 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-5 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-6 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-7 /out/
FROM scratch
COPY --from=build /out /
