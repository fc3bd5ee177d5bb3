# lay OVER BASE: copies what is in the folder OVER into BASE, with its times. A folder takes the place of a link, since a
# package that is reached through one is sent in full.
lay() {
  (cd "$1" && find . -type d -exec sh -c 'for dir; do if [ -L "$0/$dir" ]; then rm "$0/$dir"; fi; done' "$2" {} +)
  cp -a "$1/." "$2/"
}
