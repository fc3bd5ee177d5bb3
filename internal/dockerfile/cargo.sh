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
