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
