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
  has_channel 1.85
  nothing_lacks
}
set --
rust_comes_later "$@" || has_all
packages "$@"
need_tools
compilers >/cargo/config.toml
if command -v rustup >/dev/null; then
  now installing Rust 1.85
  rustup toolchain install 1.85 --profile minimal --no-self-update
  now "installing the Rust target $target"
  rustup target add --toolchain 1.85 "$target" "$tests"
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
export RUSTUP_TOOLCHAIN=1.85
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
compile build --frozen --workspace --target x86_64-unknown-linux-musl --profile release
compile test --no-run --frozen --workspace --target "$(uname -m)-"unknown-linux-musl --profile release
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
compile build --frozen --workspace "--$LAMBDA_KIND" "$LAMBDA_BIN" --target x86_64-unknown-linux-musl --profile release
mkdir /out
keep_warnings /out/warnings.txt
grep -e '"executable":"/' -e '"reason":"build-finished"' /tmp/messages >/out/receipt.json
cp "$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' /out/receipt.json)" /out/bootstrap
printf '{"reason":"lpipe-program","sha256":"%.64s"}\n' "$(sha256sum /out/bootstrap)" >>/out/receipt.json
grep -F '"filenames":["/target/'x86_64-unknown-linux-musl/ /tmp/messages >/out/units.json
mkdir -p /lpipe && mv /out /lpipe/
EOF

# test: the lambda's tests and those of the local packages it uses, with the files that these read besides. Exit status 5 is
# a test that failed, 6 a setup that did; any other, one that did not compile.
FROM compiler AS test
RUN --network=none --mount=type=bind,from=tests,source=/files,target=/src,rw \
    --mount=type=bind,from=fetch,source=/cargo,target=/cargo,rw \
    --mount=type=bind,from=deps,source=/target,target=/target,rw \
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
compile test --no-run --frozen --workspace --target "$lpipe_target" --profile release
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
if [ -s /out/test-warnings.txt ]; then forget_warnings; fi
run_tests --workspace --target "$lpipe_target" --profile release
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

# runner: what starts a program as Lambda does, compiled for the machine that builds by the toolchain at hand.
FROM toolchain AS runner
RUN --network=none --mount=type=tmpfs,target=/tmp <<EOF
set -eu # runner
export RUSTUP_TOOLCHAIN=1.85
cat >/tmp/smoke.rs <<'END'
// Starts a program as AWS Lambda does, and has it answer events: smoke SETTINGS RESULT.
//
// It serves the part of the Runtime API and of the Extensions API that a program needs for that, on the address that the
// program's environment names. What it cannot do is in no zip: package emulator is the whole of Lambda. It is compiled by the
// toolchain of the build, for the machine that builds, so it needs nothing but std, and no more than edition 2018 of Rust.
//
// SETTINGS has NAME=VALUE pairs that each end in a NUL byte, of which event, env and extension may come again. RESULT is JSON.
// Exit statuses are those that package dockerfile names.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::raw::{c_char, c_int};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{exit, Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NOT_STARTED: i32 = 20;
const ENDED_AT_START: i32 = 21;
const SILENT_AT_START: i32 = 22;
const INIT_ERROR: i32 = 23;
const ENDED: i32 = 24;
const SILENT: i32 = 25;
const FUNCTION_ERROR: i32 = 26;
const TOO_LARGE: i32 = 27;
const SLOW_INIT: i32 = 28;
const TOO_MUCH_MEMORY: i32 = 29;

// An answer has 6 MB and 100 bytes at most, as Lambda counts; a streamed one may have 200 MB, of which no more is kept.
const MAX_ANSWER: usize = 6 * 1024 * 1024 + 100;
const MAX_STREAM: usize = 200 * 1024 * 1024;

// Lambda gives a program 10 seconds to start.
const INIT: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Settings {
    address: String,
    directory: String,
    program: String,
    machine: String,
    timeout: Duration,
    starts: usize,
    max_init: u64,   // microseconds; 0 is no limit
    max_memory: u64, // bytes; 0 is no limit
    keep: usize,     // bytes of an answer
    events: Vec<String>,
    env: Vec<(String, String)>,
    extensions: Vec<String>,
}

fn settings(file: &str) -> Settings {
    let text = String::from_utf8(fs::read(file).expect("settings")).expect("settings in UTF-8");
    let mut s = Settings::default();
    for pair in text.split('\0').filter(|p| !p.is_empty()) {
        let (name, value) = cut(pair, '=');
        let number = || value.parse::<u64>().unwrap_or(0);
        match name {
            "address" => s.address = value.to_string(),
            "directory" => s.directory = value.to_string(),
            "program" => s.program = value.to_string(),
            "machine" => s.machine = value.to_string(),
            "timeout" => s.timeout = Duration::from_millis(number()),
            "starts" => s.starts = number() as usize,
            "max-init" => s.max_init = number(),
            "max-memory" => s.max_memory = number(),
            "keep" => s.keep = number() as usize,
            "event" => s.events.push(value.to_string()),
            "extension" => s.extensions.push(value.to_string()),
            "env" => {
                let (name, value) = cut(value, '=');
                s.env.push((name.to_string(), value.to_string()));
            }
            _ => panic!("the setting {} is unknown", name),
        }
    }
    s
}

fn cut(text: &str, at: char) -> (&str, &str) {
    match text.find(at) {
        Some(i) => (&text[..i], &text[i + 1..]),
        None => (text, ""),
    }
}

// What one start of the program is at.
#[derive(Default)]
struct State {
    pid: u32,
    asked: usize, // how often it asked for an event
    ready: Option<Instant>,
    event: Option<(usize, Vec<u8>, Duration)>, // for it to take, with what it has to answer
    taken: usize,                              // events, by now
    answer: Option<(Vec<u8>, Instant)>,
    memory: u64,
    extensions: Vec<(bool, usize, bool)>, // wants INVOKE, how many of these it had, is ready
    failed: Option<(i32, String)>,
}

#[derive(Default)]
struct Start {
    state: Mutex<State>,
    changed: Condvar,
}

impl Start {
    fn change<F: FnOnce(&mut State)>(&self, f: F) {
        f(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
    large: bool,
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    if reader.take(64 * 1024).read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_string())
}

fn header(request: &mut Request, line: &str) {
    let (name, value) = cut(line, ':');
    request.headers.insert(name.trim().to_lowercase(), value.trim().to_string());
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let mut r = Request {
        method: words.next().unwrap_or("").to_string(),
        path: words.next().unwrap_or("").to_string(),
        headers: HashMap::new(),
        body: Vec::new(),
        large: false,
    };
    loop {
        let text = line(reader)?;
        if text.is_empty() {
            break;
        }
        header(&mut r, &text);
    }
    if r.headers.get("transfer-encoding").map_or(false, |v| v.to_lowercase().contains("chunked")) {
        let streams = r.headers.get("lambda-runtime-function-response-mode").map_or(false, |v| v == "streaming");
        let limit = if streams { MAX_STREAM } else { MAX_ANSWER };
        let mut total = 0;
        loop {
            let size = line(reader)?;
            let size = usize::from_str_radix(cut(&size, ';').0.trim(), 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            if size == 0 {
                break;
            }
            total += size;
            r.large = r.large || total > limit;
            take(reader, size, &mut r)?;
            line(reader)?;
        }
        loop {
            let text = line(reader)?; // trailers
            if text.is_empty() {
                break;
            }
            header(&mut r, &text);
        }
    } else if let Some(length) = r.headers.get("content-length").and_then(|v| v.parse::<usize>().ok()) {
        r.large = length > MAX_ANSWER;
        take(reader, length, &mut r)?;
    }
    Ok(r)
}

// Adds so many bytes to the body, as long as that is not too large.
fn take(reader: &mut BufReader<TcpStream>, size: usize, r: &mut Request) -> io::Result<()> {
    let room = MAX_ANSWER.saturating_sub(r.body.len()).min(size);
    let part = reader.take(room as u64).read_to_end(&mut r.body)?;
    let rest = io::copy(&mut reader.take((size - room) as u64), &mut io::sink())?;
    if part + rest as usize != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn reply(stream: &mut TcpStream, status: &str, headers: &[(&str, String)], body: &[u8]) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\nContent-Type: application/json\r\n", status, body.len());
    for (name, value) in headers {
        text += &format!("{}: {}\r\n", name, value);
    }
    text += "\r\n";
    let mut all = text.into_bytes();
    all.extend_from_slice(body);
    stream.write_all(&all)
}

const OK: &[u8] = b"{\"status\":\"OK\"}\n";

fn serve(stream: TcpStream, start: Arc<Start>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let r = read(&mut reader)?;
        let parts: Vec<&str> = r.path.trim_matches('/').split('/').collect();
        match (r.method.as_str(), parts.as_slice()) {
            ("GET", ["2018-06-01", "runtime", "invocation", "next"]) => next(&mut out, &start)?,
            ("POST", ["2018-06-01", "runtime", "invocation", id, what]) => answer(&mut out, &start, &r, id, what)?,
            ("POST", ["2018-06-01", "runtime", "init", "error"]) => {
                start.change(|s| s.failed = Some((INIT_ERROR, text(&r.body))));
                reply(&mut out, "202 Accepted", &[], OK)?
            }
            ("GET", ["2018-06-01", "runtime", "restore", "next"]) => reply(&mut out, "200 OK", &[], b"")?,
            ("POST", ["2020-01-01", "extension", "register"]) => {
                let mut id = 0;
                let invoked = text(&r.body).contains("\"INVOKE\"");
                start.change(|s| {
                    s.extensions.push((invoked, s.taken, false));
                    id = s.extensions.len();
                });
                let body = b"{\"functionName\":\"smoke\",\"functionVersion\":\"$LATEST\",\"handler\":\"bootstrap\"}";
                reply(&mut out, "200 OK", &[("Lambda-Extension-Identifier", uuid(id))], body)?
            }
            ("GET", ["2020-01-01", "extension", "event", "next"]) => extension(&mut out, &start, &r)?,
            ("POST", ["2020-01-01", "extension", _, "error"]) => {
                start.change(|s| s.failed = Some((INIT_ERROR, text(&r.body))));
                reply(&mut out, "202 Accepted", &[], OK)?
            }
            ("PUT", ["2022-07-01", "telemetry"]) | ("PUT", ["2020-08-15", "logs"]) => reply(&mut out, "200 OK", &[], b"\"OK\"")?,
            _ => reply(&mut out, "404 Not Found", &[], b"{\"errorType\":\"NotFound\"}")?,
        }
    }
}

fn uuid(n: usize) -> String {
    format!("00000000-0000-4000-8000-{:012x}", n)
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).to_string()
}

fn next(out: &mut TcpStream, start: &Start) -> io::Result<()> {
    let mut s = start.state.lock().unwrap();
    s.asked += 1;
    s.ready.get_or_insert_with(Instant::now);
    start.changed.notify_all();
    let (id, body, timeout) = loop {
        if let Some(event) = s.event.take() {
            s.taken += 1;
            start.changed.notify_all();
            break event;
        }
        s = start.changed.wait(s).unwrap();
    };
    drop(s);
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + timeout;
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", uuid(id)),
        ("Lambda-Runtime-Deadline-Ms", (deadline.as_secs() * 1000 + u64::from(deadline.subsec_millis())).to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:smoke".to_string()),
        ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0".to_string()),
    ];
    reply(out, "200 OK", &headers, &body)
}

fn answer(out: &mut TcpStream, start: &Start, r: &Request, id: &str, what: &str) -> io::Result<()> {
    let now = Instant::now();
    let current = id == uuid(start.state.lock().unwrap().taken);
    if !current {
        return reply(out, "400 Bad Request", &[], b"{\"errorType\":\"InvalidRequestID\"}");
    }
    let error = what == "error" || r.headers.contains_key("lambda-runtime-function-error-type");
    start.change(|s| {
        s.memory = s.memory.max(peak(s.pid));
        if r.large {
            s.failed = Some((TOO_LARGE, "the answer is larger than Lambda takes".to_string()));
        } else if error {
            s.failed = Some((FUNCTION_ERROR, text(&r.body)));
        } else {
            s.answer = Some((r.body.clone(), now));
        }
    });
    if r.large {
        return reply(out, "413 Payload Too Large", &[], b"{\"errorType\":\"RequestEntityTooLarge\"}");
    }
    reply(out, "202 Accepted", &[], OK)
}

fn extension(out: &mut TcpStream, start: &Start, r: &Request) -> io::Result<()> {
    let id = r.headers.get("lambda-extension-identifier").cloned().unwrap_or_default();
    let mut s = start.state.lock().unwrap();
    let i = match (0..s.extensions.len()).find(|i| uuid(i + 1) == id) {
        Some(i) => i,
        None => {
            drop(s);
            return reply(out, "403 Forbidden", &[], b"{\"errorType\":\"Extension.UnknownExtensionIdentifier\"}");
        }
    };
    s.extensions[i].2 = true;
    start.changed.notify_all();
    while !s.extensions[i].0 || s.extensions[i].1 >= s.taken {
        s = start.changed.wait(s).unwrap();
    }
    s.extensions[i].1 += 1;
    let body = format!(
        "{{\"eventType\":\"INVOKE\",\"deadlineMs\":9999999999999,\"requestId\":\"{}\",\"invokedFunctionArn\":\"arn:aws:lambda:us-east-1:123456789012:function:smoke\",\"tracing\":{{\"type\":\"X-Amzn-Trace-Id\",\"value\":\"\"}}}}",
        uuid(s.extensions[i].1)
    );
    drop(s);
    reply(out, "200 OK", &[], body.as_bytes())
}

// The most memory that a process had at a time, in bytes.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid)).unwrap_or_default();
    let kilobytes = status.lines().filter(|l| l.starts_with("VmHWM:")).filter_map(|l| l.split_whitespace().nth(1)).next();
    kilobytes.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

extern "C" {
    fn execve(file: *const c_char, args: *const *const c_char, env: *const *const c_char) -> c_int;
}

// Words as C has them. The pointers are numbers since a closure may be sent to other threads with those alone.
struct Words(Vec<CString>, Vec<usize>);

impl Words {
    fn new<T: Into<Vec<u8>>, I: IntoIterator<Item = T>>(words: I) -> Words {
        let all: Vec<CString> = words.into_iter().map(|w| CString::new(w).expect("a word without NUL")).collect();
        let pointers = all.iter().map(|w| w.as_ptr() as usize).chain(Some(0)).collect();
        Words(all, pointers)
    }

    fn pointers(&self) -> *const *const c_char {
        self.1.as_ptr() as *const *const c_char
    }
}

// How programs are started: by what, and as the user of Lambda where that can be.
struct Starter {
    emulator: Option<String>,
    user: bool,
}

impl Starter {
    fn spawn(&mut self, s: &Settings, program: &str) -> io::Result<Child> {
        loop {
            let mut words = vec![program];
            if let Some(emulator) = &self.emulator {
                words.insert(0, emulator);
            }
            let mut command = Command::new(words[0]);
            command.current_dir(&s.directory);
            if self.user {
                command.uid(993).gid(990); // of sbx_user1051
            }
            let (args, env) = (Words::new(words), Words::new(s.env.iter().map(|(name, value)| format!("{}={}", name, value))));
            // std would hand a file that the kernel cannot run to a shell.
            unsafe {
                command.pre_exec(move || {
                    execve(args.0[0].as_ptr(), args.pointers(), env.pointers());
                    Err(io::Error::last_os_error())
                });
            }
            match command.spawn() {
                // An engine of an ordinary user may have no other user.
                Err(e) if self.user && (e.raw_os_error() == Some(1) || e.raw_os_error() == Some(22)) => self.user = false,
                done => return done,
            }
        }
    }
}

fn fail(status: i32, what: &str) -> ! {
    println!("smoke: {}", what);
    exit(status)
}

// Waits for what the program is to do. Ended and silent are the exit statuses where it does not.
fn wait<T, F: FnMut(&mut State) -> Option<T>>(start: &Start, child: &mut Child, time: Duration, ended: i32, silent: i32, what: &str, mut done: F) -> T {
    let until = Instant::now() + time;
    let mut s = start.state.lock().unwrap();
    let stop = |child: &mut Child, status, why: String| -> ! {
        let _ = child.kill();
        fail(status, &format!("{}: {}", what, why))
    };
    loop {
        if let Some((status, why)) = s.failed.take() {
            stop(child, status, why);
        }
        if let Some(value) = done(&mut s) {
            return value;
        }
        if let Ok(Some(status)) = child.try_wait() {
            stop(child, ended, format!("the program ended, {}", status));
        }
        if Instant::now() >= until {
            stop(child, silent, format!("nothing within {:?}", time));
        }
        s = start.changed.wait_timeout(s, Duration::from_millis(5)).unwrap().0;
    }
}

fn quote(bytes: &[u8]) -> String {
    let mut all = String::from("\"");
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' | '\\' => {
                all.push('\\');
                all.push(c)
            }
            c if (c as u32) < 0x20 || c == '\u{7f}' => all += &format!("\\u{:04x}", c as u32),
            c => all.push(c),
        }
    }
    all + "\""
}

fn find(name: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').map(|dir| format!("{}/{}", dir, name)).find(|file| Path::new(file).is_file())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let s = settings(&args[1]);
    let own = text(&Command::new("uname").arg("-m").output().expect("uname").stdout).trim().to_string();
    let other = own != s.machine;
    let mut starter = Starter { emulator: None, user: true };
    if other {
        let name = format!("qemu-{}", s.machine);
        starter.emulator = find(&name).or_else(|| find(&(name + "-static")));
    }
    let listener = TcpListener::bind(&s.address).expect("the address of the Runtime API");
    let current: Arc<Mutex<Arc<Start>>> = Arc::default();
    let serving = current.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, start) = (stream.expect("a connection"), serving.lock().unwrap().clone());
            thread::spawn(move || serve(stream, start));
        }
    });
    let (mut init, mut memory, mut events) = (Vec::new(), 0, Vec::new());
    for n in 0..s.starts {
        let start: Arc<Start> = Arc::default();
        *current.lock().unwrap() = start.clone();
        let mut extensions = Vec::new();
        for name in &s.extensions {
            match starter.spawn(&s, name) {
                Ok(child) => extensions.push(child),
                Err(e) => fail(NOT_STARTED, &format!("{} cannot be started: {}", name, e)),
            }
        }
        let began = Instant::now();
        let mut child = match starter.spawn(&s, &s.program) {
            Ok(child) => child,
            Err(e) if other && e.raw_os_error() == Some(8) => {
                fs::write(&args[2], format!("{{\"skipped\":\"{}\"}}\n", own)).expect("the result");
                return;
            }
            Err(e) => fail(NOT_STARTED, &format!("the program cannot be started: {}", e)),
        };
        start.change(|state| state.pid = child.id());
        let ready = wait(&start, &mut child, INIT, ENDED_AT_START, SILENT_AT_START, "the start", |state| {
            let others = state.extensions.iter().filter(|e| e.2).count();
            state.ready.filter(|_| others >= s.extensions.len())
        });
        init.push(ready.duration_since(began).as_micros() as u64);
        if n == 0 {
            for (i, file) in s.events.iter().enumerate() {
                let body = fs::read(file).expect("an event");
                let sent = Instant::now();
                start.change(|state| state.event = Some((i + 1, body, s.timeout)));
                let what = format!("event {}", i + 1);
                let (answer, at) = wait(&start, &mut child, s.timeout, ENDED, SILENT, &what, |state| state.answer.take());
                let kept = if answer.len() > s.keep { "null".to_string() } else { quote(&answer) };
                events.push(format!("{{\"took\":{},\"size\":{},\"answer\":{}}}", at.duration_since(sent).as_micros(), answer.len(), kept));
            }
            memory = start.state.lock().unwrap().memory;
        }
        for child in extensions.iter_mut().chain(Some(&mut child)) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if s.max_init > 0 && (other || init[n] <= s.max_init) {
            break; // the best of several counts
        }
    }
    let best = *init.iter().min().unwrap_or(&0);
    if s.max_init > 0 && best > s.max_init && !other {
        fail(SLOW_INIT, &format!("the best of {} starts took {} ms", init.len(), best as f64 / 1000.0));
    }
    if s.max_memory > 0 && memory > s.max_memory && !other {
        fail(TOO_MUCH_MEMORY, &format!("the program had {} bytes of memory", memory));
    }
    let result = format!(
        "{{\"init\":{},\"memory\":{},\"emulated\":{},\"root\":{},\"events\":[{}]}}\n",
        best, memory, other, !starter.user, events.join(",")
    );
    fs::write(&args[2], result).expect("the result");
}
END
cd /tmp && rustc --edition 2018 -C debuginfo=0 -o /runner smoke.rs
EOF

# smoke: the program of the zip is started beside the files of the zip, and answers events. It may write to /tmp and to no
# other folder. What it prints is in the output, and what it answered in /out, which it cannot reach.
FROM runner AS smoke
RUN --network=none --mount=type=bind,from=smoke-files,source=/files,target=/smoke \
    --mount=type=bind,from=smoke-files,source=/files/task,target=/var/task,rw \
    --mount=type=bind,from=smoke-files,source=/files/opt,target=/opt,rw \
    --mount=type=bind,from=build,source=/lpipe/out,target=/built \
    --mount=type=tmpfs,target=/tmp <<EOF
set -eu # smoke
cp /built/bootstrap /var/task/bootstrap
chmod 755 /var/task /var/task/bootstrap && chmod 1777 /tmp
mkdir /out
/runner /smoke/settings /out/smoke.json
mkdir -p /lpipe && mv /out /lpipe/
EOF

# bootstrap: what goes into the zip.
FROM scratch AS bootstrap
COPY --link --from=build /lpipe/out/ /
COPY --link --from=smoke /lpipe/out/ /

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
