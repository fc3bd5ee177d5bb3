# Everything in a cache mount. Unsafe: cargo goes by the times of files, and a source with an older time than the last
# build's, from another branch or an older copy, is not compiled.
FROM base AS build
ENV CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
WORKDIR /src
RUN --mount=type=bind,target=/src,rw --mount=type=cache,id=bench-fleet,target=/target \
    cargo build --locked --release --workspace --target x86_64-unknown-linux-musl && cargo test --locked --release --workspace --target x86_64-unknown-linux-musl && mkdir /out && cp /target/x86_64-unknown-linux-musl/release/lambda-0 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-1 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-2 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-3 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-4 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-5 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-6 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-7 /out/
FROM scratch
COPY --from=build /out /
