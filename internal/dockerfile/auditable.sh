# embed_crates MACHINE: puts the list of the crates of the program in /out/bootstrap into its section .dep-v0, as cargo auditable
# does, and adds the new digest to the receipt. The crates are those that cargo compiled for the program, of /out/units.json.
# https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md
embed_crates() {
  root=$(sed -n 's/.*"reason":"compiler-artifact","package_id":"\([^"]*\)".*"executable":"\/.*/\1/p' /out/receipt.json | tail -n 1)
  sed -n 's/.*"reason":"compiler-artifact","package_id":"\([^"]*\)".*/\1/p' /out/units.json | LC_ALL=C sort -u | list_crates "$root" >/tmp/crates.json
  to_zlib /tmp/crates.json >/tmp/dep-v0
  for tool in "$1-linux-gnu-objcopy" objcopy llvm-objcopy "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-objcopy; do
    if command -v "$tool" >/dev/null && "$tool" --add-section .dep-v0=/tmp/dep-v0 /out/bootstrap 2>/dev/null; then
      printf '{"reason":"lpipe-program","sha256":"%.64s"}\n' "$(sha256sum /out/bootstrap)" >>/out/receipt.json
      return
    fi
  done
  echo 'auditable = true needs objcopy: take a base image with binutils, or add binutils to packages in [build]' >&2
  exit 1
}

# list_crates ROOT: the JSON for the package ids of cargo on standard input, one of which is that of the program.
list_crates() {
  awk -v root="$1" '
    BEGIN { printf "{\"packages\":[" }
    {
      at = index($0, "#"); from = substr($0, 1, at - 1); name = substr($0, at + 1); version = name
      if (sub(/@.*/, "", name) && name != version) sub(/.*@/, "", version)
      else { name = from; sub(/[?].*/, "", name); sub(/\/$/, "", name); sub(/.*\//, "", name); sub(/\.git$/, "", name) }
      source = "registry"
      if (from ~ /^registry\+https:\/\/github.com\/rust-lang\/crates.io-index$/ || from ~ /^sparse\+https:\/\/index.crates.io\/$/) source = "crates.io"
      if (from ~ /^git\+/) source = "git"
      if (from ~ /^path\+/) source = "local"
      printf "%s{\"name\":\"%s\",\"version\":\"%s\",\"source\":\"%s\"%s}", (NR > 1 ? "," : ""), name, version, source, ($0 == root ? ",\"root\":true" : "")
    }
    END { printf "]}" }'
}

# to_zlib FILE: the file in the format of RFC 1950: the deflated bytes of gzip, and the checksum of this format.
to_zlib() {
  gzip -nc "$1" >/tmp/gzipped
  printf '\170\234'
  tail -c +11 /tmp/gzipped | head -c $(($(wc -c </tmp/gzipped) - 18))
  # shellcheck disable=SC2059 # the format has the four bytes
  printf "$(od -An -v -tu1 "$1" | awk '
    BEGIN { a = 1; b = 0 }
    { for (i = 1; i <= NF; i++) { a = (a + $i) % 65521; b = (b + a) % 65521 } }
    END { printf "\\%03o\\%03o\\%03o\\%03o", int(b / 256), b % 256, int(a / 256), a % 256 }')"
}
