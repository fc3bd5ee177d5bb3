# What the deps stage does with /warm, which keeps what the last build compiled. Cargo tells what of it still holds, by
# versions and revisions. Of these cargo is not told: another image, environment or configuration, and another crate under
# one version. So each has a sum in /warm/fingerprint, and everything compiles again where one changed or cannot be told.
#
# Whether to use /warm comes as a secret, which is none, since that is no part of any cache key: a laptop and CI have one
# text, and CI does not use it. Nor is the id of the mount: where /warm is used, lpipe adds to it what nobody can guess, so
# that no other user and no other project has this one.

# fingerprint FILE: writes a sum of what every crate is compiled with, called -, and one of each crate.
fingerprint() {
  { cat /toolchain && env &&
    find /src -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/.cargo/lpipe-strata/*' -exec sha256sum {} +; } >/tmp/inputs &&
    sort -u /tmp/inputs >/tmp/sorted && sha256sum </tmp/sorted >"$1" &&
    find "$CARGO_HOME/registry/cache" -name '*.crate' -exec sha256sum {} + >>"$1"
}

# holds NOW KEPT: whether nothing that both fingerprints have has another sum.
holds() {
  awk 'NR == FNR { sum[$2] = $1; next }
    ($2 in sum) && sum[$2] != $1 { differs = 1 }
    $2 == "-" && sum[$2] == $1 { same = 1 }
    END { exit differs || !same }' "$1" "$2"
}

# take_warm: begins with what /warm has, where that is wanted and holds.
take_warm() {
  warm=$(cat /run/lpipe-warm 2>/dev/null) || warm=''
  if [ "$warm" ] && ! fingerprint /tmp/fingerprint; then
    warm=''
  fi
  if [ -z "$warm" ]; then
    find /warm -mindepth 1 -maxdepth 1 -exec rm -rf {} + # of this one others have the id, and their build scripts may have left something
  elif [ "$warm" != fresh ] && [ -e /warm/fingerprint ] && holds /tmp/fingerprint /warm/fingerprint; then
    trap 'rm -f /warm/fingerprint' EXIT
    mkdir -p /target
    cp -a /warm/snapshot/. /target/
  fi
}

# prune DIR CONDITION...: removes from a folder what the build does not need and all conditions of find are true for.
prune() {
  dir=$1
  shift
  find "$dir" \( -path '*/.fingerprint/*' -o -path '*/build/*' -o -path '*/deps/*' \) -prune "$@" -print >/tmp/there
  grep -vFf /tmp/needed /tmp/there >/tmp/old || [ $? = 1 ]
  while IFS= read -r old; do rm -rf "$old"; done </tmp/old
}

# leave_warm: leaves in /target what the build needs. What cargo makes of a crate is called NAME-HASH, and its messages name
# every hash that this build needs.
leave_warm() {
  if [ -z "$warm" ]; then return; fi
  grep -o -e '-[0-9a-f]\{16\}' /tmp/messages >/tmp/hashes || [ $? = 1 ]
  sort -u /tmp/hashes >/tmp/needed
  mkdir -p /target
  prune /target ! -newer /tmp/fingerprint # the rest was made just now
  trap - EXIT
}

# give_warm: leaves that in /warm too.
give_warm() {
  if [ -z "$warm" ]; then return; fi
  leave_warm
  trap 'rm -f /warm/fingerprint' EXIT
  rm -rf /warm/fingerprint /warm/snapshot
  cp -a /target /warm/snapshot
  prune /warm/snapshot
  cp /tmp/fingerprint /warm/next
  mv /warm/next /warm/fingerprint
  trap - EXIT
}
