# One Dockerfile for every lambda. What differs between lambdas enters through the context "closure" and the
# late ARGs, so that every stage up to deps is one step for all of them.
#
# Only toolchain and fetch reach the network, and no code of a dependency runs in these two. How they reach it, through
# proxies and trusting whom, comes as secrets, which are in no layer and no cache key. What these two write to 9 is
# for the person who builds; lpipe knows it by their standard output, which nothing else has. It is WHY and "fix: FIX", and
# how far they are: "now: WHAT" and "crates: THERE OF BYTES".

# toolchain: the base image with the packages and the Rust targets that the project asks for.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1-bookworm AS toolchain
RUN --mount=type=secret,id=lpipe-network,required=true \
    --mount=type=secret,id=lpipe-authorities,required=true \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu
exec 9>&1 >&2
. /run/secrets/lpipe-network
fail() { printf '%s\n' "$@" >&9; exit 1; }
now() { echo "now: $*" >&9; }
arch=aarch64 target=aarch64-unknown-linux-musl tests=$(uname -m)-unknown-linux-musl
mkdir -p /cargo
config=${CARGO_HOME:-$HOME/.cargo}/config.toml
[ -e "$config" ] || config=/dev/null
cat "$config" >/cargo/config.toml

# The C compiler and linker: native for this machine's own architecture, Debian's cross compiler for the other.
gcc=
case $target in
  *-musl) tools=musl-tools ;;
  *) tools=gcc ;;
esac
if [ "$(uname -m)" != "$arch" ]; then
  gcc=$arch-linux-gnu-gcc tools="gcc-$(echo "$arch" | tr _ -)-linux-gnu"
  if ! grep -q -e '^\[env\]' -e "^\[target.$target\]" /cargo/config.toml; then
    mv /cargo/config.toml /tmp/config.toml
    printf 'target.%s.linker = "%s"\nenv.CC_%s = "%s"\n' \
      "$target" "$gcc" "$(echo "$target" | tr - _)" "$gcc" | cat - /tmp/config.toml >/cargo/config.toml
  fi
fi

set --
if command -v apk >/dev/null; then
  [ -z "$gcc" ] || fail "compiling for $arch on $(uname -m) needs a Debian-based base image" \
    "fix: set [build] base in lpipe.toml to such an image, or arch to that of the engine's machine"
  [ $# = 0 ] || { now "installing the packages $*" && apk add --no-cache "$@"; }
elif command -v apt-get >/dev/null; then
  set -- "$tools" "$@"
  dpkg -s "$@" >/dev/null 2>&1 || {
    now "installing the packages $*"
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/*
  }
elif [ $# != 0 ]; then
  fail "the base image has neither apt-get nor apk to install $*" \
    "fix: set [build] base in lpipe.toml to an image that has one of them, or that has the packages, and take packages out"
fi

if command -v rustup >/dev/null; then
  now "installing the Rust target $target"
  rustup target add "$target" "$tests"
else
  for t in "$target" "$tests"; do
    ls "$(rustc --print sysroot)/lib/rustlib/$t/lib/"libstd-*.rlib >/dev/null 2>&1 ||
      fail "the base image has no Rust standard library for $t, and no rustup to install it" \
        "fix: set [build] base in lpipe.toml to an image with rustup, or with that library"
  done
fi
cat /proc/sys/kernel/random/uuid >/toolchain # another one with every other image
cat >/fetched <<'END' # lists what is locked, and all files of crates, indexes and repositories with their sizes
set -e
grep -e '^source = ' -e '^checksum = ' Cargo.lock || [ $? = 1 ]
cd "$CARGO_HOME"
for dir in registry/cache registry/index git/db; do
  [ ! -d $dir ] || find $dir -type f -exec stat -c '%s %n' {} +
done | sort
END
EOF
ENV CARGO_HOME=/cargo CARGO_TARGET_DIR=/target CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

# fetch: the crates that Cargo.lock names. Downloads of earlier builds are reused after a check against the lock.
# Which keys and tokens there are is no part of this text: they come as secrets, and an agent that only signs logins.
# Nothing of the project runs beside them: cargo and rustup look for their configuration from /tmp upwards, and find there
# what of the project's says where crates come from.
FROM toolchain AS fetch
RUN --mount=type=bind,from=skeleton,target=/src,rw \
    --mount=type=cache,id=lpipe-downloads,target=/downloads \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=lpipe-registries,required=true \
    --mount=type=secret,id=lpipe-crates,required=true \
    --mount=type=secret,id=lpipe-network,required=true \
    --mount=type=secret,id=lpipe-authorities,required=true \
    --mount=type=secret,id=lpipe-fetch,required=true <<EOF
set -eu
exec 9>&1 >&2
mkdir /tmp/.cargo && cd /tmp
cp /src/.cargo/lpipe-fetch.toml .cargo/config.toml
printf '[registry]\nglobal-credential-providers = ["cargo:token-from-stdout sh /run/secrets/lpipe-fetch token"]\n' >>.cargo/config.toml
. /run/secrets/lpipe-fetch
. /run/secrets/lpipe-network
know
as_cargo .cargo/config.toml "$CARGO_HOME/config.toml"
restore /src/Cargo.lock
set -- --manifest-path /src/Cargo.toml \
  --target "$(rustc -vV | sed -n 's/^host: //p')" --target aarch64-unknown-linux-musl --target "$(uname -m)-unknown-linux-musl"
download /src/Cargo.lock "$@"
# cargo does without a file of its index that it could not write, and the later steps cannot. They compare with the list.
cargo fetch --frozen "$@"
(cd /src && sh /fetched) >"$CARGO_HOME/fetched"
EOF

# compiler: the environment in which every crate is compiled.
FROM toolchain AS compiler

# deps: every dependency compiled, for the programs and for their tests. It sees manifests and empty sources
# only, so no edit of a lambda invalidates it.
FROM compiler AS deps
RUN --network=none --mount=type=bind,from=skeleton,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu
cd /src
sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66 # of another Cargo.lock, or damaged: lpipe runs fetch again
cargo build --frozen --workspace --target aarch64-unknown-linux-musl --profile release
cargo test --no-run --frozen --workspace --target "$(uname -m)-unknown-linux-musl" --profile release
EOF

# build: one lambda. /out holds the program and the receipt: cargo's own word on what it is, and its digest.
FROM compiler AS build
ARG LAMBDA_KIND LAMBDA_BIN
RUN --network=none --mount=type=bind,from=closure,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=bind,from=deps,source=/target,target=/target,rw \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu
cd /src
sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66 # of another Cargo.lock, or damaged: lpipe runs fetch again
cargo build --frozen --workspace "--$LAMBDA_KIND" "$LAMBDA_BIN" --target aarch64-unknown-linux-musl --profile release \
  --message-format=json-render-diagnostics >/tmp/messages
mkdir /out
grep -e '"executable":"/' -e '"reason":"build-finished"' /tmp/messages >/out/receipt.json
cp "$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' /out/receipt.json)" /out/bootstrap
printf '{"reason":"lpipe-program","sha256":"%.64s"}\n' "$(sha256sum /out/bootstrap)" >>/out/receipt.json
EOF

# test: the lambda's tests and those of the local packages it uses. Exit status 5 is a test that failed; any other, one
# that did not compile.
FROM compiler AS test
RUN --network=none --mount=type=bind,from=closure,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=bind,from=deps,source=/target,target=/target,rw \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu
cd /src
sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66 # of another Cargo.lock, or damaged: lpipe runs fetch again
cargo test --no-run --frozen --workspace --target "$(uname -m)-unknown-linux-musl" --profile release
{ cargo test --no-fail-fast --frozen --workspace --target "$(uname -m)-unknown-linux-musl" --profile release 2>&1 || echo $? >/tmp/failed; } | tee /tmp/tests
[ ! -e /tmp/failed ] || exit 5
mkdir /out
awk '/^test result: [a-zA-Z]+\. [0-9]+ passed; [0-9]+ failed; [0-9]+ ignored; / && length($4 $6 $8) < 28 {
    passed += $4; failed += $6; ignored += $8
  }
  END { printf "{\"passed\":%d,\"failed\":%d,\"ignored\":%d}\n", passed, failed, ignored }' /tmp/tests >/out/tests.json
EOF

# bootstrap: what goes into the zip.
FROM scratch AS bootstrap
COPY --link --from=build /out/ /

# lambda: the same, once the tests have passed.
FROM bootstrap AS lambda
COPY --link --from=test /out/ /
