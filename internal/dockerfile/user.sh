# Who runs the tests: an ordinary user, as on a laptop, for whom what may not be read cannot be read.

# as_tester TARGET: has cargo start the tests for the target as the user "tester", who owns the sources and the folders that
# tests write to. It fails, and changes nothing of that, where the engine has no other user, or the image no program to become one.
as_tester() {
  echo 'tester:x:1051:1051::/home/tester:/bin/sh' >>/etc/passwd
  echo 'tester:x:1051:' >>/etc/group
  mkdir -p /home/tester
  chown 1051:1051 /home/tester || return 1
  become 'setpriv --reuid 1051 --regid 1051 --clear-groups -- "$@"' ||
    become 'chroot --userspec=1051:1051 --groups= --skip-chdir / "$@"' ||
    become "su -s /bin/sh -c 'exec \"\$@\"' -- tester sh \"\$@\"" || return 1
  chown -hR 1051:1051 /src || return 1
  find /target -maxdepth 3 -type d -exec chmod a+rwx {} + || return 1
  find /target -maxdepth 2 -type d -name tmp -exec chown -hR 1051:1051 {} + || return 1
  name=CARGO_TARGET_$(printf %s "$1" | tr a-z.- A-Z__)_RUNNER
  other=$(eval "printf %s \"\${$name-}\"")
  [ "$other" ] || other=$(sed -n "s/^target\.$1\.runner = \"\(.*\)\"\$/\1/p" "$CARGO_HOME/config.toml" 2>/dev/null) || :
  export "$name=/as-tester${other:+ $other}"
}

# become COMMAND: makes it what /as-tester runs a program by, if it does so as tester.
become() {
  printf '#!/bin/sh\nexport HOME=/home/tester USER=tester LOGNAME=tester\nexec %s\n' "$1" >/as-tester
  chmod 755 /as-tester
  [ "$(/as-tester id -u 2>/dev/null)" = 1051 ]
}
