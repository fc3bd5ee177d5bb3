# split_debug MACHINE: the program in /out becomes bootstrap.debug, and bootstrap is the same without symbols,
# of which the receipt tells the digests.
split_debug() {
  mv /out/bootstrap /out/bootstrap.debug
  for strip in "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-objcopy "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-objcopy \
    llvm-objcopy "$1-linux-gnu-objcopy" objcopy; do
    if command -v "$strip" >/dev/null && "$strip" --strip-all /out/bootstrap.debug /out/bootstrap 2>/dev/null; then
      printf '{"reason":"lpipe-program","sha256":"%.64s"}\n{"reason":"lpipe-debug","sha256":"%.64s"}\n' \
        "$(sha256sum /out/bootstrap)" "$(sha256sum /out/bootstrap.debug)" >>/out/receipt.json
      return
    fi
  done
  echo 'debug = "split" needs objcopy: take a base image with binutils, or add binutils to packages in [build]' >&2
  exit 1
}
