# compile WORDS...: runs cargo, whose messages go to /tmp/messages. The compiler's errors come last in the output. Its warnings
# are not in it: nobody sees the output of a step that is cached.
compile() {
  cargo "$@" --message-format=json >>/tmp/messages && return
  status=$?
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

# keep_warnings FILE: writes what the compiler warned of, each warning once and in the same order whatever compiled first.
keep_warnings() { rendered warning sort -u | head -c 2000000 >"$1"; }
