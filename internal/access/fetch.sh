# What the fetch step does beside cargo: it reuses the crates that earlier builds downloaded, and logs in to registries.
# The step reads this as a secret file. Sourced, it gives the step its functions; with "token" it is a credential provider
# of cargo. What it has for the person who builds goes to 9, which servers cannot write to.
#
# The list of registries has a line for each that the project names, with a tab between its fields:
#
#   INDEX TOKEN WHY FIX      TOKEN: - for none; WHY and FIX say why
#
# Its first line is no TOML. A dependency can make cargo read it in the place of a manifest, by a link, and cargo's error
# quotes the first line that it does not understand.

export LC_ALL=C
downloads=/downloads
registries=/run/secrets/lpipe-registries
crates=/run/secrets/lpipe-crates

say() { printf '%s\n' "$@" >&9; }

# locked prints a line for each crate of a lock file that has a checksum, as sha256sum does: SUM  NAME-VERSION.crate
locked() {
  awk -F "[\"']" '
    function put() {
      if (name ~ /^[A-Za-z0-9_][A-Za-z0-9_-]*$/ && version ~ /^[A-Za-z0-9.+-]+$/ && length(sum) == 64 && sum !~ /[^0-9a-f]/)
        print sum "  " name "-" version ".crate"
      name = version = sum = ""
    }
    /^\[/ { put() }
    /^name *=/ { name = $2 }
    /^version *=/ { version = $2 }
    /^checksum *=/ { sum = $2 }
    END { put() }' "$1" | sort -u
}

# good prints the files of the working directory that have the checksums of a list.
good() { sha256sum -c "$1" 2>/dev/null | sed -n 's/: OK$//p'; }

# enter makes a folder of $downloads the working directory, unless it is a link.
enter() {
  cd "$downloads" && at=$(pwd -P) && cd "./$1" && [ "$(pwd -P)" = "$at/$1" ]
}

# restore copies the crates of a lock file from $downloads to where cargo looks for them. All fetch steps of the engine
# write in $downloads while this runs, and cargo unpacks what it finds without another look: so names are looked up, never
# taken over, links stay links, and what counts is the checksum of the copy, which nobody else can reach.
restore() {
  locked "$1" >/tmp/locked
  mkdir -p "$CARGO_HOME/registry/cache"
  copies=$CARGO_HOME/copies
  for from in "$downloads"/*; do
    from=${from##*/}
    case $from in *[!A-Za-z0-9._-]* | [.-]*) continue ;; esac
    mkdir -p "$copies"
    (
      enter "$from" 2>/dev/null || exit 0
      set --
      while read -r _ crate; do
        [ ! -f "$crate" ] || [ -L "$crate" ] || set -- "$@" "$crate"
      done </tmp/locked
      [ $# = 0 ] || cp -RP "$@" "$copies/" 2>/dev/null || :
      cd "$copies" || exit
      find . ! -name . ! -type f -prune -exec rm -rf {} +
      good /tmp/locked >/tmp/good
      set --
      while read -r crate; do set -- "$@" "$crate"; done </tmp/good
      [ $# != 0 ] || exit 0
      mkdir -p "$CARGO_HOME/registry/cache/$from"
      mv "$@" "$CARGO_HOME/registry/cache/$from/"
    )
    rm -rf "$copies"
  done
}

# keep puts the crates of a lock file that cargo downloaded since the last time into $downloads. That it cannot is no failure.
keep() {
  locked "$1" >/tmp/locked
  for from in "$CARGO_HOME"/registry/cache/*/; do
    from=${from%/}
    [ -d "$from" ] || continue
    kept=/tmp/kept.${from##*/}
    touch "$kept"
    awk 'FILENAME == ARGV[1] { kept[$0]; next } !($2 in kept)' "$kept" /tmp/locked >/tmp/missing
    (cd "$from" && good /tmp/missing) >/tmp/good
    [ -s /tmp/good ] || continue
    mkdir -p "$downloads/${from##*/}" 2>/dev/null || continue
    (
      enter "${from##*/}" || exit 0
      # What a killed step left of a copy. A copy takes seconds.
      find . -maxdepth 1 -type f -name '.????????-????-????-????-????????????' -mmin +60 -exec rm -f {} +
      set -C # a new file is opened only if there is none, and no link
      while read -r crate; do
        if [ -f "$crate" ] && [ ! -L "$crate" ] && cmp -s "$from/$crate" "$crate"; then continue; fi
        new=.$(cat /proc/sys/kernel/random/uuid)
        if ! { cat "$from/$crate" >"$new" && mv -fT "$new" "$crate"; }; then rm -f "$new"; fi
      done </tmp/good
    ) 2>/dev/null || :
    cat /tmp/good >>"$kept"
  done
}

# know adds to cargo's configuration, which the later steps have too, where the user's own says that crates come from. No
# cache key depends on it: whatever mirror a crate comes from, it is the one whose checksum the lock has.
know() {
  [ -s "$crates" ] || return 0
  if grep -q -e '^[[:space:]]*\[*source[].]' -e '^[[:space:]]*\[*registries[].]' /.cargo/config.toml; then
    echo "note: the base image says where crates come from, and so the user's configuration of cargo does not" >&2
    return 0
  fi
  cat "$crates" "$CARGO_HOME/config.toml" >/tmp/config.toml
  cp /tmp/config.toml "$CARGO_HOME/config.toml"
}

# count says how many crates are there, how many the lock file names, and the bytes of crates and repositories. The lock
# file names crates for other systems too, which cargo does not download.
count() {
  find "$CARGO_HOME/registry/cache" "$CARGO_HOME/git/db" -type f -exec stat -c '%s %n' {} + 2>/dev/null |
    awk -v all="${1-$(wc -l </tmp/locked)}" '
      { bytes += $1 }
      /\.crate$/ { crates++ }
      END { printf "crates: %d %d %.0f\n", crates, all == "" ? crates : all, bytes }' >&9
}

# watch counts and keeps what has arrived, each second: a step that is cancelled has no other chance to.
watch() {
  trap 'exit 0' TERM
  while :; do
    sleep 1 &
    wait $!
    keep "$1"
    count
  done
}

# download runs cargo fetch for a lock file, with the arguments that follow it. Whether it fails or not, crates that have
# arrived are kept for the next time.
download() {
  lock=$1 failed=0
  shift
  watch "$lock" &
  watch=$!
  cargo fetch --locked "$@" || failed=$?
  kill "$watch" 2>/dev/null || :
  wait "$watch" || :
  keep "$lock"
  [ "$failed" != 0 ] || count ""
  return "$failed"
}

# token answers cargo, which asks for the token of the registry at CARGO_REGISTRY_INDEX_URL.
token() {
  asked=${CARGO_REGISTRY_INDEX_URL%/}
  tab=$(printf '\t')
  while IFS=$tab read -r index token why fix; do
    case $index:$token in
      "$asked:") ;;
      "$asked:-") say "$why" "fix: $fix" && exit 1 ;;
      "$asked:$token") printf '%s\n' "$token" && exit ;;
    esac
  done <"$registries"
  case $asked in *[!]A-Za-z0-9.:/_~+=[%-]*) asked="at an address with unusual characters" ;; esac
  say "a registry asks for a token, $asked, and neither Cargo.lock nor .cargo/config.toml names it" \
    "fix: if the build needs it, name it in .cargo/config.toml; else find out which dependency wants it"
  exit 1
}

case ${1-} in
  token) token ;;
esac
