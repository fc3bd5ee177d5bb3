# Everything in a cache mount. Unsafe: cargo goes by the times of files, and a source with an older time than the last
# build's, from another branch or an older copy, is not compiled.
FROM base AS build
ENV CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS=-Ctarget-feature=+crt-static
WORKDIR /src
RUN --mount=type=bind,target=/src,rw --mount=type=cache,id=bench-fleet,target=/target \
    cargo build --frozen --release --workspace --target x86_64-unknown-linux-gnu && cargo test --frozen --release --workspace --target x86_64-unknown-linux-gnu && mkdir /out && cp /target/x86_64-unknown-linux-gnu/release/lambda-0 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-1 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-2 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-3 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-4 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-5 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-6 /out/ && cp /target/x86_64-unknown-linux-gnu/release/lambda-7 /out/
FROM scratch
COPY --from=build /out /
