# As cargo-chef does: a first stage reduces the project to a recipe, a second one cooks the recipe.
FROM base AS toolchain
ENV CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
WORKDIR /src
FROM toolchain AS planner
COPY . .
RUN <<EOF
set -eu
mkdir /recipe
cp -r .cargo /recipe
find . -name Cargo.toml | while read -r manifest; do
  mkdir -p "/recipe/$(dirname "$manifest")"
  sed '/^\[package\]/,/^\[[^p]/ s/^version = .*/version = "0.0.1"/' "$manifest" >"/recipe/$manifest"
done
awk 'BEGIN { RS = ""; ORS = "\n\n" } /\[\[package\]\]/ && !/\nsource = / { sub(/\nversion = "[^"]*"/, "\nversion = \"0.0.1\"") } { print }' Cargo.lock >/recipe/Cargo.lock
# The targets are part of the recipe, each with an empty source.
find . -name build.rs -o -path '*/src/main.rs' -o -path '*/src/lib.rs' -o -path '*/src/bin/*.rs' -o -path '*/tests/*.rs' | while read -r source; do
  mkdir -p "/recipe/$(dirname "$source")"
  case $source in
    */lib.rs) : ;;
    *) echo 'fn main() {}' ;;
  esac >"/recipe/$source"
done
find /recipe -exec touch -d @1000000000 {} +
EOF
FROM toolchain AS build
COPY --from=planner /recipe .
RUN cargo build --locked --release --workspace --target x86_64-unknown-linux-musl && cargo test --no-run --locked --release --workspace --target x86_64-unknown-linux-musl
COPY . .
RUN cargo build --locked --release --workspace --target x86_64-unknown-linux-musl && cargo test --locked --release --workspace --target x86_64-unknown-linux-musl
RUN mkdir /out && cp /target/x86_64-unknown-linux-musl/release/lambda-0 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-1 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-2 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-3 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-4 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-5 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-6 /out/ && cp /target/x86_64-unknown-linux-musl/release/lambda-7 /out/
FROM scratch
COPY --from=build /out /
