# What the units step does: it asks cargo which crates a build compiles and with which features, and writes for each
# stratum of the dependencies a folder that depends on the crates of that stratum and of those below, and on nothing else:
# so its content is the key by which a cache knows what was compiled of it. /strata/N has in src a package for each command
# of cargo, with a lock file of its own, and in cargo the crates, with what the index has of these versions.
#
# Where cargo answers otherwise than expected, the packages depend on nothing, and all is compiled after the strata. Where
# the features are not those of the build, cargo compiles a crate again. Neither is an error.

# crates_of PACKAGE: writes the crates that are compiled for it, as STRATUM NAME VERSION, to /tmp/packages.
crates_of() { sed -n "s/^$1 //p" .cargo/lpipe-strata/packages >/tmp/packages; }

# units COMMAND WORDS...: writes the units that cargo compiles, one a line, for the command of that number. It compiles none:
# the variable has a stable cargo list them.
units() {
  command=$1
  mkdir -p /tmp/"$command"
  shift
  RUSTC_BOOTSTRAP=1 cargo "$@" --unit-graph -Zunstable-options | sed 's/{"pkg_id":/\n&/g' >/tmp/"$command"/units
}

# depend N UNITS TARGET: the tables of a manifest that depends on the crates of the strata up to N, as the units have them.
depend() {
  awk -v n="$1" -v target="$3" '
    function between(s, from, to) {
      i = index(s, from)
      if (!i) return ""
      s = substr(s, i + length(from))
      return substr(s, 1, index(s, to) - 1)
    }
    function tables(header, features) {
      print "[" header "]"
      for (i = 1; i <= count; i++) {
        if (!(crate[i] in features)) continue
        split(crate[i], word, " ")
        alias = version = word[2]
        gsub(/[^0-9A-Za-z]/, "_", alias)
        sub(/\+.*/, "", version)
        printf "%s-%s = { package = \"%s\", version = \"=%s\", default-features = false, features = [%s] }\n",
          word[1], alias, word[1], version, features[crate[i]]
      }
    }
    FNR == NR {
      if ($1 <= n) { crate[++count] = $2 " " $3; known[crate[count]] }
      next
    }
    !/^\{"pkg_id":/ || !/"mode":"build"/ || /"kind":\["custom-build"\]/ { next }
    {
      id = between($0, "\"pkg_id\":\"", "\"")
      if (sub(/.*#/, "", id)) sub(/@/, " ", id)
      split(id, word, " ")
      id = word[1] " " word[2]
      if (!(id in known)) next
      features = between($0, "\"features\":[", "]")
      if (index($0, "\"platform\":null")) host[id] = features
      else other[id] = features
    }
    END {
      tables("target." target ".dependencies", other)
      tables("build-dependencies", host)
    }' /tmp/packages "$2"
}

# locks N LOCK: what a lock file has of the crates of the strata up to N.
locks() {
  awk -v n="$1" '
    function put() {
      if (!started || (name " " version) in wanted && foreign) printf "%s", block
      started = 1
      block = name = version = foreign = ""
    }
    FNR == NR { if ($1 <= n) wanted[$2 " " $3]; next }
    /^\[/ { put() }
    { block = block $0 "\n" }
    /^name *=/ { name = $2 }
    /^version *=/ { version = $2 }
    /^source *=/ { foreign = 1 }
    END { put() }' /tmp/packages FS="[\"']" "$2"
}

# package N COMMAND TARGET LOCK: writes the package of a command for the strata up to N.
package() {
  mkdir -p ".cargo/lpipe-strata/$2"
  { cat .cargo/lpipe-strata/Cargo.toml && echo && depend "$1" /tmp/"$2"/units "$3"; } >".cargo/lpipe-strata/$2/Cargo.toml"
  locks "$1" "$4" >".cargo/lpipe-strata/$2/Cargo.lock"
}

# needs COMMAND TARGET: takes out of the lock file of all strata what other commands, packages and features need.
needs() {
  package 999 "$1" "$2" Cargo.lock
  echo "$2" >/tmp/"$1"/target
  if ! (cd ".cargo/lpipe-strata/$1" && cargo update --workspace --offline --quiet); then
    : >/tmp/"$1"/units
    : >".cargo/lpipe-strata/$1/Cargo.lock"
  fi
  cp ".cargo/lpipe-strata/$1/Cargo.lock" /tmp/"$1"/lock
}

# listed LOCK...: the crates of lock files, as NAME VERSION.
listed() {
  awk -F "[\"']" '
    /^\[/ { name = version = "" }
    /^name *=/ { name = $2 }
    /^version *=/ { version = $2 }
    /^source *=/ { print name, version }' "$@" | sort -u
}

# crates FROM COMMAND: puts the crates of /tmp/listed into $home, from another folder of cargo's, by cp or ln.
crates() {
  for from in "$1"/registry/cache/*/; do
    from=${from%/}
    to=$home/registry/cache/${from##*/}
    files=''
    while read -r name version; do
      [ ! -f "$from/$name-$version.crate" ] || files="$files $from/$name-$version.crate"
    done </tmp/listed
    [ "$files" ] || continue
    mkdir -p "$to"
    # shellcheck disable=SC2086 # a crate's name and version have no spaces, and neither has cargo's folder
    "$2" $files "$to/"
  done
}

# index FROM: puts there what cargo knows of these versions from the indexes, without the other versions that there are by
# now. A file of cargo's begins with the numbers 3 and 2 and what the server said on its age, and has a version and its
# description in turn, each with a NUL at its end. One of another form is taken as it is. What /tmp/indexed has is in FROM.
index() {
  awk '
    FNR == NR { versions[$1] = versions[$1] " " $2; next }
    { done[$0] }
    END {
      for (name in versions) {
        low = tolower(name)
        at = length(low) > 3 ? substr(low, 1, 2) "/" substr(low, 3, 2) : length(low) == 3 ? "3/" substr(low, 1, 1) : length(low)
        line = at "/" low versions[name]
        print (line in done ? "done" : "new"), line
      }
    }' /tmp/listed /tmp/indexed >/tmp/index
  for from in "$1"/registry/index/*/; do
    [ -f "$from/config.json" ] || continue # of git
    from=${from%/}
    to=$home/registry/index/${from##*/}
    mkdir -p "$to"
    cp "$from/config.json" "$to/"
    cut -d ' ' -f 2 /tmp/index | while read -r at; do [ ! -f "$from/.cache/$at" ] || echo "$to/.cache/${at%/*}"; done | sort -u >/tmp/folders
    xargs mkdir -p "$to/.cache" </tmp/folders
    while read -r is at versions; do
      [ -f "$from/.cache/$at" ] || continue
      if [ "$is" = 'done' ]; then
        ln "$from/.cache/$at" "$to/.cache/$at"
        continue
      fi
      tr '\0' '\n' <"$from/.cache/$at" | LC_ALL=C awk -v versions=" $versions " '
        NR == 1 { known = $0 == "\003\002" }
        !known || NR < 4 { print; next }
        NR == 4 { print "lpipe"; next }
        NR % 2 { keep = index(versions, " " $0 " ") }
        keep { print }' | tr '\n' '\0' >"$to/.cache/$at"
    done </tmp/index
  done
  cut -d ' ' -f 2- /tmp/index >/tmp/indexed
}

# write_strata COUNT: writes the folders of all strata, the last one first, of which the others have a part.
write_strata() {
  n=$1 above=$CARGO_HOME by=cp
  : >/tmp/indexed
  while [ "$n" -gt 0 ]; do
    for command in /tmp/[0-9]*; do
      package "$n" "${command##*/}" "$(cat "$command/target")" "$command/lock"
    done
    listed .cargo/lpipe-strata/[0-9]*/Cargo.lock >/tmp/listed
    mkdir -p /strata/"$n"/cargo
    home=$(cd /strata/"$n"/cargo && pwd)
    [ ! -f "$CARGO_HOME/config.toml" ] || cp "$CARGO_HOME/config.toml" "$home/"
    crates "$above" "$by"
    index "$above"
    above=$home by=ln
    cp -a /src /strata/"$n"/src
    find /strata/"$n"/src \( -name Cargo.toml -o -name Cargo.lock -o -path '*/lpipe-strata/packages' \) \
      ! -path '*/.cargo/lpipe-strata/[0-9]*/*' -exec rm -f {} +
    find /strata/"$n"/src -depth -type d -exec rmdir {} + 2>/dev/null || :
    n=$((n - 1))
  done
}
