# One Dockerfile for every lambda. What differs between lambdas enters through the context "closure", which is laid over
# the stubs of the workspace, and the late ARGs, so that every stage up to deps is one step for all of them. Each context has
# its files below /files.
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
set -eu # toolchain
exec 9>&1 >&2
. /run/secrets/lpipe-network
fail() { printf '%s\n' "$@" >&9; exit 1; }
now() { echo "now: $*" >&9; }
machine=$(uname -m) arch=x86_64 target=x86_64-unknown-linux-musl tests="$(uname -m)-"unknown-linux-musl emulate=''
# What the toolchain stage does, for a target on the machine that builds. The stage has set machine, arch, target, tests and
# emulate, and two functions: now says what is being done, and fail ends the stage with what is wrong.

dnf=$(command -v dnf || command -v microdnf || :)
cross='' qemu='' # the prefix of the tools that compile for another machine, and what emulates that
if [ "$machine" != "$arch" ]; then
  cross=$arch-linux-gnu
  qemu=${emulate:+qemu-$arch}
fi

# packages PACKAGE...: installs them and the compilers and linkers of C: those of this machine, which build scripts and macros
# need too, and those for another target.
packages() {
  if command -v apt-get >/dev/null; then
    debian "$@"
  elif command -v apk >/dev/null; then
    if [ $# != 0 ]; then
      now "installing the packages $*"
      apk add --no-cache "$@"
    fi
  elif [ "$dnf" ]; then
    redhat "$@"
  elif [ $# != 0 ]; then
    fail "the base image has neither apt-get nor apk nor dnf to install $*" \
      "fix: set [build] base in lpipe.toml to an image that has one of them, or that has the packages, and take packages out"
  fi
  [ "$cross" ] || return 0
  command -v "$cross-gcc" >/dev/null || fail "compiling for $arch on $machine needs a base image of Debian, or one that has $cross-gcc" \
    "fix: set [build] base in lpipe.toml to such an image, or arch to that of the engine's machine"
  [ -z "$qemu" ] || command -v "$qemu" >/dev/null || fail "the base image has no $qemu, which the tests are to run under" \
    "fix: set [build] base in lpipe.toml to an image of Debian, or to one that has it, or take test-runner out"
}

# need_tools: ends the stage if the image lacks a program that the steps run, and names the packages that have them.
need_tools() {
  missing='' from=''
  for tool in awk:gawk cmp:diffutils find:findutils grep:grep sed:sed \
    cat:coreutils cp:coreutils env:coreutils mv:coreutils rm:coreutils sha256sum:coreutils sort:coreutils stat:coreutils \
    tee:coreutils touch:coreutils tr:coreutils uname:coreutils wc:coreutils; do
    if command -v "${tool%:*}" >/dev/null; then continue; fi
    missing="$missing, ${tool%:*}"
    case " $from " in *" ${tool#*:} "*) ;; *) from="$from ${tool#*:}" ;; esac
  done
  if [ "$missing" ]; then
    fail "the base image lacks programs that the build runs: ${missing#, }" \
      "fix: add what has them to packages in [build] of lpipe.toml, most often$from; or set base to an image that has them"
  fi
}

# debian PACKAGE...: the same with apt.
debian() {
  tools="gcc libc6-dev" others='' unpacked='' foreign=''
  case $target in *-musl) tools="$tools musl-tools" ;; esac
  if [ "$cross" ]; then
    case $arch in aarch64) foreign=arm64 ;; *) foreign=amd64 ;; esac
    tools="$tools g++-$(echo "$cross" | tr _ -) libc6-dev-$foreign-cross${qemu:+ qemu-user}"
    case $target in
      *-musl) others="musl-dev:$foreign" ;;
      *) others="${qemu:+libc6:$foreign libgcc-s1:$foreign libstdc++6:$foreign}" ;;
    esac
    ! grep -qs '^ID=ubuntu$' /etc/os-release || others='' foreign='' # which has other architectures on other servers
  fi
  # shellcheck disable=SC2086 # lists of words
  if { [ "$foreign" ] && [ $# != 0 ]; } || ! dpkg -s $tools $others "$@" >/dev/null 2>&1; then
    now "reading the lists of packages"
    [ -z "$foreign" ] || dpkg --add-architecture "$foreign"
    apt-get update
    [ -z "$foreign" ] || for package; do libraries "$package"; done
    now "installing the packages" $tools $others "$@"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $tools $others "$@"
    mkdir /tmp/unpacked
    [ -z "$unpacked" ] || (cd /tmp/unpacked && apt-get -o APT::Sandbox::User=root download $unpacked)
    for file in /tmp/unpacked/*.deb; do
      [ ! -e "$file" ] || dpkg-deb --fsys-tarfile "$file" | tar -x -C / --wildcards "./usr/*/$cross/*"
    done
    rm -rf /var/lib/apt/lists/*
  fi
}

# libraries PACKAGE: adds to others what a program of the foreign architecture needs of a package: the same package, if it
# has libraries and can be installed for two architectures. If it cannot, it is unpacked beside the one of this machine.
libraries() {
  name=${1%%=*}
  case $name/$(apt-cache show --no-all-versions "$name:$foreign" 2>/dev/null | grep -e ^Architecture: -e ^Multi-Arch: -e ^Section:) in
    *:*/* | libclang*/* | *'Architecture: all'* | *'Multi-Arch: foreign'*) ;; # as the person says; what runs on this machine
    *'Multi-Arch: same'*) others="$others $name:$foreign${1#"$name"}" ;;
    *'Section: lib'*)
      unpacked="$unpacked $name:$foreign${1#"$name"}"
      others="$others $(apt-cache depends --important "$name:$foreign" | awk '/Depends:/ { if (!more) print $2; more = /\|Depends:/ }')"
      ;;
  esac
}

# redhat PACKAGE...: the same with dnf, along with programs that the stages run and that small images leave out.
redhat() {
  for program in cc:gcc find:findutils cmp:diffutils awk:gawk; do
    command -v "${program%:*}" >/dev/null || set -- "$@" "${program#*:}"
  done
  for package; do # dnf writes a version in another way
    shift
    case $package in *=*) package=${package%%=*}-${package#*=} ;; esac
    set -- "$@" "$package"
  done
  if [ $# != 0 ] && ! rpm -q "$@" >/dev/null 2>&1; then
    now "installing the packages $*"
    "$dnf" install -y --setopt=install_weak_deps=0 "$@"
    "$dnf" clean all
  fi
}

# compilers prints the configuration by which cargo, and crates such as cc and pkg-config, find the tools for another machine.
compilers() {
  [ "$cross" ] || return 0
  c=$cross-gcc name=$(echo "$target" | tr - _)
  case $target in *-musl) ! command -v "$arch-linux-musl-gcc" >/dev/null || c=$arch-linux-musl-gcc ;; esac
  printf 'target.%s.linker = "%s"\n' "$target" "$cross-gcc"
  [ -z "$qemu" ] || printf 'target.%s.runner = "%s"\n' "$target" "$qemu"
  printf 'env.%s = "%s"\n' "CC_$name" "$c" "CXX_$name" "$cross-g++" "AR_$name" "$cross-ar"
  # The libraries of Debian are made for glibc.
  case $target in
    *-gnu)
      printf 'env.%s = "%s"\n' "PKG_CONFIG_ALLOW_CROSS_$name" 1 \
        "PKG_CONFIG_LIBDIR_$name" "/usr/local/lib/$cross/pkgconfig:/usr/lib/$cross/pkgconfig:/usr/share/pkgconfig"
      ;;
  esac
}

# What follows is for an image without rustup, whose one compiler has to be what the project asks for. nothing_lacks
# ends the stage if one of the others found that something is missing.

# rust_comes_later PACKAGE...: whether something else than the image may bring what is missing: rustup, or a package.
rust_comes_later() {
  case " $* " in *rust* | *cargo*) return 0 ;; esac
  ! command -v rustc >/dev/null || command -v rustup >/dev/null
}

lack() { printf '%s\n' "the base image has no rustup, and $1" >>/tmp/lacks; }
nothing_lacks() {
  [ ! -e /tmp/lacks ] || fail "$(cat /tmp/lacks)" \
    "fix: set [build] base in lpipe.toml to an image with rustup, or to one that has this; or correct rust-toolchain.toml if there is one" \
    ${dnf:+"fix: where the distribution has no Rust for musl, set [build] link to dynamic: Amazon Linux has the glibc of Lambda"}
}

# has_target TARGET...
has_target() {
  for t; do
    ls "$(rustc --print sysroot)/lib/rustlib/$t/lib/"lib*.rlib >/dev/null 2>&1 || lack "no Rust standard library for $t"
  done
}

# has_component COMPONENT...
has_component() {
  for component; do
    name=${component%-preview}
    case $name in
      rustc | cargo | rust-std | rust-docs) continue ;;
      rust-src) file=$(rustc --print sysroot)/lib/rustlib/src/rust/library/core/Cargo.toml ;;
      llvm-tools) file=$(ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-objcopy 2>/dev/null) || : ;;
      clippy | miri) file=$(command -v "cargo-$name") || : ;;
      *) file=$(command -v "$name") || : ;;
    esac
    [ -e "$file" ] || lack "no $component, which rust-toolchain.toml asks for"
  done
}

# has_channel CHANNEL
has_channel() {
  release=$(rustc -vV | sed -n 's/^release: //p') committed=$(rustc -vV | sed -n 's/^commit-date: //p')
  is_of "$1" || lack "rustc $release, while rust-toolchain.toml asks for $1"
}

# is_of CHANNEL: whether the release is of that channel, which may have a date and a host.
is_of() {
  name=${1%-x86_64-*} && name=${name%-aarch64-*}
  date=''
  case $name in *-????-??-??) date=${name#"${name%-*-*-*}"-} && name=${name%-*-*-*} ;; esac
  case $name/$release in
    "$release"/* | beta/*-beta* | nightly/*-nightly* | *-beta/"$name".*) ;;
    */*-*) return 1 ;;
    stable/* | */"$name".*) ;;
    *) return 1 ;;
  esac
  [ "$date" ] || return 0
  # What is published on a date was committed before: a nightly the day before, the others some days.
  day=$(date -u -d "$date" +%s) || return 1
  commit=$(date -u -d "$committed" +%s) || return 1
  most=7
  [ "$name" != nightly ] || most=1
  [ "$commit" -le "$day" ] && [ $((day - commit)) -le $((most * 86400)) ]
}
mkdir -p /cargo /.cargo
config=${CARGO_HOME:-$HOME/.cargo}/config.toml
[ -e "$config" ] || config=/dev/null
cat "$config" >/tmp/config.toml
cat /tmp/config.toml >/.cargo/config.toml # cargo prefers it to what is written to CARGO_HOME below
has_all() { # what the project asks for, of an image without rustup
  has_target "$target" "$tests"
  nothing_lacks
}
set --
rust_comes_later "$@" || has_all
packages "$@"
need_tools
compilers >/cargo/config.toml
if command -v rustup >/dev/null; then
  now "installing the Rust target $target"
  rustup target add "$target" "$tests"
else
  has_all
fi
cat /proc/sys/kernel/random/uuid >/toolchain # another one with every other image
cat >/fetched <<'END'
# Lists what is locked, and all files of crates, indexes and repositories with their sizes.
set -e
grep -e '^source = ' -e '^checksum = ' Cargo.lock || [ $? = 1 ]
cd "$CARGO_HOME"
for dir in registry/cache registry/index git/db; do
  if [ -d $dir ]; then find $dir -type f -exec stat -c '%s %n' {} +; fi
done | sort
END
EOF
ENV CARGO_HOME=/cargo CARGO_TARGET_DIR=/target CARGO_BUILD_BUILD_DIR=/target CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

# fetch: the crates that Cargo.lock names. Downloads of earlier builds are reused after a check against the lock.
# Which keys and tokens there are is no part of this text: they come as secrets, and an agent that only signs logins.
# Nothing of the project runs beside them: cargo and rustup look for their configuration from /tmp upwards, and find there
# what of the project's says where crates come from.
FROM toolchain AS fetch
RUN --mount=type=bind,from=skeleton,source=/files,target=/src,rw \
    --mount=type=cache,id=lpipe-downloads,target=/downloads \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=lpipe-registries,required=true \
    --mount=type=secret,id=lpipe-crates,required=true \
    --mount=type=secret,id=lpipe-network,required=true \
    --mount=type=secret,id=lpipe-authorities,required=true \
    --mount=type=secret,id=lpipe-fetch,required=true <<EOF
set -eu # fetch
exec 9>&1 >&2
mkdir /tmp/.cargo && cd /tmp
cp /src/.cargo/lpipe-fetch.toml .cargo/config.toml
printf '[registry]\nglobal-credential-providers = ["cargo:token-from-stdout sh /run/secrets/lpipe-fetch token"]\n' >>.cargo/config.toml
. /run/secrets/lpipe-fetch
. /run/secrets/lpipe-network
know
as_cargo .cargo/config.toml /.cargo/config.toml
restore /src/Cargo.lock
set -- --manifest-path /src/Cargo.toml \
  --target "$(rustc -vV | sed -n 's/^host: //p')" --target x86_64-unknown-linux-musl --target "$(uname -m)-"unknown-linux-musl
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
RUN --network=none --mount=type=bind,from=skeleton,source=/files,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu # deps
cd /src
# crates_hold: ends the step where the crates are damaged, or not those of this Cargo.lock: lpipe runs fetch again.
crates_hold() { sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66; }

# compile WORDS...: runs cargo, whose messages go to /tmp/messages, and what it says to /tmp/said too. The compiler's errors come
# last in the output. Its warnings are not in it: nobody sees the output of a step that is cached.
compile() {
  : >/tmp/status
  {
    status=0
    cargo "$@" --message-format=json 2>&1 >>/tmp/messages || status=$?
    echo "$status" >/tmp/status
  } | tee -a /tmp/said >&2
  read -r status </tmp/status
  if [ "$status" = 0 ]; then return; fi
  crates_hold
  rendered error cat >&2
  exit "$status"
}

# rendered LEVEL FILTER...: what the compiler said on that level, as it shows it to a person. A message is a line of JSON, and
# printf undoes what JSON does to text; the filter is for the lines before that, one for each message.
rendered() {
  level=$1
  shift
  sed -n 's/^{"reason":"compiler-message".*"rendered":"\('"$level"'[^"\\]*\(\\.[^"\\]*\)*\)".*/\1/p' /tmp/messages |
    sed 's/\\"/"/g' | "$@" | while IFS= read -r text; do printf '%b' "$text"; done
}

# keep_warnings FILE: writes what the compiler and build scripts warned of, each warning once and in the same order whatever
# compiled first.
keep_warnings() {
  : >"$1"
  grep -q -e '"rendered":"warning' -e '^warning: ' /tmp/messages /tmp/said || return 0
  {
    rendered warning sort -u
    grep '^warning: [^ ]*@[0-9][^ ]*: ' /tmp/said | sort -u
  } | head -c 2000000 >"$1"
}
crates_hold
compile build --frozen --package api --target x86_64-unknown-linux-musl --profile release
compile test --no-run --frozen --package api --target "$(uname -m)-"unknown-linux-musl --profile release
compile test --no-run --frozen --package shared --target "$(uname -m)-"unknown-linux-musl --profile release
EOF

# build: one lambda. /out holds the program, the receipt (cargo's own word on what it is, and its digest), the warnings, and
# what cargo says of each unit that it compiled for the program, and not for the machine that builds. A step moves it to a folder
# where nothing else is: to compare a folder with another, the engine visits all that lies beside it.
FROM compiler AS build
ARG LAMBDA_KIND LAMBDA_BIN
RUN --network=none --mount=type=bind,from=closure,source=/files,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=bind,from=deps,source=/target,target=/target,rw \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu # build
cd /src
# crates_hold: ends the step where the crates are damaged, or not those of this Cargo.lock: lpipe runs fetch again.
crates_hold() { sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66; }

# compile WORDS...: runs cargo, whose messages go to /tmp/messages, and what it says to /tmp/said too. The compiler's errors come
# last in the output. Its warnings are not in it: nobody sees the output of a step that is cached.
compile() {
  : >/tmp/status
  {
    status=0
    cargo "$@" --message-format=json 2>&1 >>/tmp/messages || status=$?
    echo "$status" >/tmp/status
  } | tee -a /tmp/said >&2
  read -r status </tmp/status
  if [ "$status" = 0 ]; then return; fi
  crates_hold
  rendered error cat >&2
  exit "$status"
}

# rendered LEVEL FILTER...: what the compiler said on that level, as it shows it to a person. A message is a line of JSON, and
# printf undoes what JSON does to text; the filter is for the lines before that, one for each message.
rendered() {
  level=$1
  shift
  sed -n 's/^{"reason":"compiler-message".*"rendered":"\('"$level"'[^"\\]*\(\\.[^"\\]*\)*\)".*/\1/p' /tmp/messages |
    sed 's/\\"/"/g' | "$@" | while IFS= read -r text; do printf '%b' "$text"; done
}

# keep_warnings FILE: writes what the compiler and build scripts warned of, each warning once and in the same order whatever
# compiled first.
keep_warnings() {
  : >"$1"
  grep -q -e '"rendered":"warning' -e '^warning: ' /tmp/messages /tmp/said || return 0
  {
    rendered warning sort -u
    grep '^warning: [^ ]*@[0-9][^ ]*: ' /tmp/said | sort -u
  } | head -c 2000000 >"$1"
}
compile build --frozen --package api "--$LAMBDA_KIND" "$LAMBDA_BIN" --target x86_64-unknown-linux-musl --profile release
mkdir /out
keep_warnings /out/warnings.txt
grep -e '"executable":"/' -e '"reason":"build-finished"' /tmp/messages >/out/receipt.json
cp "$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' /out/receipt.json)" /out/bootstrap
printf '{"reason":"lpipe-program","sha256":"%.64s"}\n' "$(sha256sum /out/bootstrap)" >>/out/receipt.json
grep -F '"filenames":["/target/'x86_64-unknown-linux-musl/ /tmp/messages >/out/units.json
mkdir -p /lpipe && mv /out /lpipe/
EOF

# nextest: whether the image has cargo-nextest, which is known long before there are tests to run. Exit status 7 is an image without
# it, 8 one with an old one.
FROM toolchain AS nextest
RUN --network=none --mount=type=tmpfs,target=/tmp <<EOF
set -eu # nextest
command -v cargo-nextest >/dev/null || exit 7
cargo-nextest nextest --version
cargo-nextest nextest run --help >/tmp/help
grep -q libtest-json-plus /tmp/help || exit 8
mkdir -p /lpipe/out
EOF

# test: the lambda's tests and those of the local packages it uses, with the files that these read besides. Exit status 5 is
# a test that failed, 6 a setup that did; any other, one that did not compile.
FROM compiler AS test
RUN --network=none --mount=type=bind,from=tests,source=/files,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=bind,from=deps,source=/target,target=/target,rw \
    --mount=type=bind,from=nextest,source=/lpipe/out,target=/nextest \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu # test
cd /src
# crates_hold: ends the step where the crates are damaged, or not those of this Cargo.lock: lpipe runs fetch again.
crates_hold() { sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66; }

# compile WORDS...: runs cargo, whose messages go to /tmp/messages, and what it says to /tmp/said too. The compiler's errors come
# last in the output. Its warnings are not in it: nobody sees the output of a step that is cached.
compile() {
  : >/tmp/status
  {
    status=0
    cargo "$@" --message-format=json 2>&1 >>/tmp/messages || status=$?
    echo "$status" >/tmp/status
  } | tee -a /tmp/said >&2
  read -r status </tmp/status
  if [ "$status" = 0 ]; then return; fi
  crates_hold
  rendered error cat >&2
  exit "$status"
}

# rendered LEVEL FILTER...: what the compiler said on that level, as it shows it to a person. A message is a line of JSON, and
# printf undoes what JSON does to text; the filter is for the lines before that, one for each message.
rendered() {
  level=$1
  shift
  sed -n 's/^{"reason":"compiler-message".*"rendered":"\('"$level"'[^"\\]*\(\\.[^"\\]*\)*\)".*/\1/p' /tmp/messages |
    sed 's/\\"/"/g' | "$@" | while IFS= read -r text; do printf '%b' "$text"; done
}

# keep_warnings FILE: writes what the compiler and build scripts warned of, each warning once and in the same order whatever
# compiled first.
keep_warnings() {
  : >"$1"
  grep -q -e '"rendered":"warning' -e '^warning: ' /tmp/messages /tmp/said || return 0
  {
    rendered warning sort -u
    grep '^warning: [^ ]*@[0-9][^ ]*: ' /tmp/said | sort -u
  } | head -c 2000000 >"$1"
}
lpipe_target="$(uname -m)-"unknown-linux-musl
compile test --no-run --frozen --package api --target "$lpipe_target" --profile release
compile test --no-run --frozen --package shared --target "$lpipe_target" --profile release
mkdir /out
keep_warnings /out/test-warnings.txt
who=root
# Who runs the tests: an ordinary user, as on a laptop, for whom what may not be read cannot be read.

# as_tester TARGET: has cargo start the tests for the target as the user "tester", who owns the sources and the folders that
# tests write to. It fails, and changes nothing of that, where the engine has no other user, or the image no program to become one.
as_tester() {
  echo 'tester:x:1051:1051::/home/tester:/bin/sh' >>/etc/passwd
  echo 'tester:x:1051:' >>/etc/group
  mkdir -p /home/tester
  become 'setpriv --reuid 1051 --regid 1051 --clear-groups -- "$@"' ||
    become 'chroot --userspec=1051:1051 --groups= --skip-chdir / "$@"' ||
    become "su -s /bin/sh -c 'exec \"\$@\"' -- tester sh \"\$@\"" || return 1
  for folder in /target/tmp /target/*/tmp; do
    if [ -d "$folder" ] && [ ! -L "$folder" ]; then set -- "$@" "$folder"; fi
  done
  target=$1
  shift
  chown -hR 1051:1051 /home/tester /src "$@" || return 1
  set --
  for folder in /target /target/* /target/*/* /target/*/*/deps; do
    if [ -d "$folder" ] && [ ! -L "$folder" ]; then set -- "$@" "$folder"; fi
  done
  chmod a+rwx "$@" || return 1
  name=CARGO_TARGET_$(echo "$target" | tr a-z.- A-Z__)_RUNNER
  eval "other=\${$name-}"
  if [ -z "$other" ] && [ -e "$CARGO_HOME/config.toml" ]; then
    while IFS= read -r line; do
      case $line in "target.$target.runner = \""*\")
        other=${line#*\"}
        other=${other%\"}
        ;;
      esac
    done <"$CARGO_HOME/config.toml"
  fi
  export "$name=/as-tester${other:+ $other}"
}

# become COMMAND: makes it what /as-tester runs a program by, if it does so as tester.
become() {
  printf '#!/bin/sh\nexport HOME=/home/tester USER=tester LOGNAME=tester\nexec %s\n' "$1" >/as-tester
  chmod 755 /as-tester
  [ "$(/as-tester id -u 2>/dev/null)" = 1051 ]
}
if as_tester "$lpipe_target"; then who=tester; else echo 'the tests run as root: there is no way to become another user'; fi
# What the test stage does around the tests. The project's tests may write to /tmp, and clean it up: what counts is in /out.

lpipe_failed=''

# run_tests FLAGS...: runs tests with cargo, shows what they print, and keeps it. They failed if nothing says that they passed.
run_tests() {
  { cargo test --no-fail-fast --frozen "$@" 2>&1 && : >/out/passed; } | tee -a /out/printed
  if [ -e /out/passed ]; then rm /out/passed; else lpipe_failed=yes; fi
}

# forget_warnings: has cargo not print once more what the compiler warned of, which it keeps for each crate.
forget_warnings() { find /target -type f -path '*fingerprint/*' -name 'output-*' -exec rm -f {} +; }

# count_tests TARGET RUNNER USER: adds up what the tests printed, and keeps the line of each, up to 4 MB of them.
count_tests() {
  : >/out/tests.txt
  awk -v target="$1" -v runner="$2" -v user="$3" '
    /^test .* \.\.\. / || /^ *Running / || /^ *Doc-tests / {
      if ((kept += length($0) + 1) <= 4000000) print >"/out/tests.txt"
    }
    /^test result: [a-zA-Z]+\. [0-9]+ passed; [0-9]+ failed; [0-9]+ ignored; / && length($4) < 16 && length($6) < 16 && length($8) < 16 {
      passed += $4; failed += $6; ignored += $8
    }
    END { printf "{\"passed\":%.0f,\"failed\":%.0f,\"ignored\":%.0f,\"target\":\"%s\",\"runner\":\"%s\",\"user\":\"%s\"}\n", passed, failed, ignored, target, runner, user }' \
    /out/printed >/out/tests.json
  rm /out/printed
}
# What the test stage does where cargo nextest runs the tests, and cargo test those in documentation alone.

# run_nextest FLAGS...: runs tests with cargo nextest, which shows how they go, and keeps what it says of each as cargo test would.
run_nextest() {
  NEXTEST_EXPERIMENTAL_LIBTEST_JSON=1 NEXTEST_NO_TESTS=pass cargo nextest run --no-fail-fast --frozen \
    --message-format libtest-json-plus --success-output never --failure-output never "$@" >/out/events || lpipe_failed=yes
  as_cargo_test /out/events >/out/suites
  cat /out/suites >>/out/nextest
  cat /out/suites >>/out/printed
  rm /out/events /out/suites
}

# end_nextest: shows what was kept of all runs if anything failed: of a step that failed, no file is read for the report.
end_nextest() {
  if [ "$lpipe_failed" ]; then cat /out/nextest; fi
  rm /out/nextest
}

# as_cargo_test FILE: prints the tests of the file in the words of cargo test, one program of tests after the other. In the file
# are lines of JSON, as nextest writes them: its names are CRATE::PROGRAM$TEST, with #TRY after a test that ran more than once. A test
# that began and did not end is ignored; what is no such line is of something that nextest started.
as_cargo_test() {
  awk '
    !/^[{]"type":"(test|suite)","event":"/ { print | "cat >&2"; next }
    !/^[{]"type":"test","event":"(started|ok|failed|ignored)","name":"[^"$]*[$][^"]+"/ { next }
    {
      split($0, field, "\"")
      event = field[8]; name = field[12]; try = ""
      if (event != "started" && match(name, /#[0-9]+$/)) {
        try = substr(name, RSTART + 1)
        name = substr(name, 1, RSTART - 1)
      }
      suite = substr(name, 1, index(name, "$") - 1)
      test = substr(name, length(suite) + 2)
      if (!(suite in lines)) { suites[++count] = suite; lines[suite] = failed[suite] = 0 }
      if (event == "started") {
        if (!(name in begun)) { begun[name] = 0; names[++all] = name }
        begun[name]++
        next
      }
      begun[name]--
      if (event == "ok") {
        passed[suite]++
        line[suite, ++lines[suite]] = "test " test " ... ok" (try ? ", in try " try : "")
      } else if (event == "failed") {
        failure[suite, ++failed[suite]] = test
        printed[suite, failed[suite]] = said(test)
        line[suite, ++lines[suite]] = "test " test " ... FAILED"
      } else ignore(suite, test)
    }
    function ignore(suite, test) {
      ignored[suite]++
      line[suite, ++lines[suite]] = "test " test " ... ignored"
    }
    # said: what a test that failed had printed, or why it failed, of the line at hand.
    function said(test,   text, at, own) {
      if (match($0, /"reason":"[^"]*"/)) return substr($0, RSTART + 10, RLENGTH - 11)
      at = index($0, ",\"stdout\":\"")
      text = at ? substr($0, at + 11) : ""
      sub(/"[}]$/, "", text)
      if (length(text) > 250000) text = substr(text, length(text) - 249999)
      gsub(/\\\\/, "\001", text)
      gsub(/\\n/, "\n", text); gsub(/\\t/, "\t", text); gsub(/\\"/, "\"", text); gsub(/\\u001b/, "\033", text)
      gsub(/\\(u00[017][0-9a-f]|[rbf])/, "", text)
      gsub(/\001/, "\\", text)
      own = "\nfailures:\n\n---- " test " stdout ----\n" # around what a test printed that was to panic
      if (at = index(text, own)) {
        text = substr(text, at + length(own))
        if (at = index(text, "\n\nfailures:\n    " test "\n")) text = substr(text, 1, at - 1)
      }
      sub(/\n+$/, "", text)
      return text == "" ? "it failed, and printed nothing" : text
    }
    END {
      for (i = 1; i <= all; i++) {
        suite = substr(names[i], 1, index(names[i], "$") - 1)
        while (begun[names[i]]-- > 0) ignore(suite, substr(names[i], length(suite) + 2))
      }
      for (i = 1; i <= count; i++) {
        suite = suites[i]
        print "     Running nextest " suite
        for (j = 1; j <= lines[suite]; j++) print line[suite, j]
        if (failed[suite]) print "\nfailures:\n"
        for (j = 1; j <= failed[suite]; j++) print "---- " failure[suite, j] " stdout ----\n" printed[suite, j] "\n"
        if (failed[suite]) print "failures:"
        for (j = 1; j <= failed[suite]; j++) print "    " failure[suite, j]
        printf "\ntest result: %s. %d passed; %d failed; %d ignored; 0 measured; 0 filtered out\n", (failed[suite] ? "FAILED" : "ok"), passed[suite], failed[suite], ignored[suite]
      }
    }' "$1"
}
if [ -s /out/test-warnings.txt ]; then forget_warnings; fi
run_nextest --package api --target "$lpipe_target" --cargo-profile release
run_nextest --package shared --target "$lpipe_target" --cargo-profile release
run_tests --doc --package shared --target "$lpipe_target" --profile release
end_nextest
if [ "$lpipe_failed" ]; then
  # For the report: of a step that failed, no file is read.
  printf '    Warnings of the compiler\n'
  cat /out/test-warnings.txt
  exit 5
fi
runner=''
count_tests "$lpipe_target" "$runner" "$who"
mkdir -p /lpipe && mv /out /lpipe/
EOF

# bootstrap: what goes into the zip.
FROM scratch AS bootstrap
COPY --link --from=build /lpipe/out/ /

# lambda: the same, once the tests have passed.
FROM bootstrap AS lambda
COPY --link --from=test /lpipe/out/ /

# crates: what cargo says of the crates that Cargo.lock names, and which compiler it is, for statements on the lambda.
FROM compiler AS crates
RUN --network=none --mount=type=bind,from=skeleton,source=/files,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu # crates
cd /src
sh /fetched | cmp -s - "$CARGO_HOME/fetched" || exit 66 # of another Cargo.lock, or damaged: lpipe runs fetch again
mkdir /out
cargo metadata --frozen --format-version 1 --filter-platform x86_64-unknown-linux-musl >/out/crates.json
rustc -vV >/out/rustc.txt
mkdir -p /lpipe && mv /out /lpipe/
EOF

# bootstrap-stated, lambda-stated: the lambda, with what its statements need.
FROM bootstrap AS bootstrap-stated
COPY --link --from=crates /lpipe/out/ /

FROM lambda AS lambda-stated
COPY --link --from=crates /lpipe/out/ /
