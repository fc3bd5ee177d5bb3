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
