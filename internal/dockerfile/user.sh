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
