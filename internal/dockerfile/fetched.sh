# Lists what is locked, and all files of crates, indexes and repositories with their sizes.
set -e
grep -e '^source = ' -e '^checksum = ' Cargo.lock || [ $? = 1 ]
cd "$CARGO_HOME"
for dir in registry/cache registry/index git/db; do
  if [ -d $dir ]; then find $dir -type f -exec stat -c '%s %n' {} +; fi
done | sort
