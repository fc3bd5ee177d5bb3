# What the image-files stage does. The stage has set machine, of the program, and runtime, the libraries that Lambda has.
# Files are taken into /files, below a folder for each zip, under their names there.

mkdir -p /files /out
missing='' # set once something is wrong
folders=$({ cat /etc/ld.so.conf /etc/ld.so.conf.d/*.conf 2>/dev/null || :; } | grep ^/ || :)
folders="$folders /usr/local/lib/$machine-linux-gnu /usr/local/lib /lib/$machine-linux-gnu /usr/lib/$machine-linux-gnu
  /lib64 /usr/lib64 /lib /usr/lib /usr/$machine-linux-gnu/lib"

refuse() {
  echo "image-files: $*" >&2
  missing=yes
}

# is_for_machine FILE: whether it is a 64-bit ELF file for the machine.
is_for_machine() {
  case $machine/$(od -An -v -tx1 -N20 "$1" | tr -d ' \n') in
    x86_64/7f454c4602*3e00 | aarch64/7f454c4602*b700) return 0 ;;
  esac
  return 1
}

# library NAME [FOLDER]: the path of a library for the machine, which the folder may have too.
library() {
  for dir in ${2+"$2"} $folders; do
    if [ -f "$dir/$1" ] && is_for_machine "$dir/$1"; then
      echo "$dir/$1"
      return
    fi
  done
  return 1
}

# take FILE ZIP NAME: takes a file as NAME of a zip and, of a library, those that it needs and Lambda lacks into its lib.
take() {
  if [ -e "/files/$2/$3" ]; then
    cmp -s "$1" "/files/$2/$3" || refuse "two files would be $3 in the zip; one is $1"
    return 0
  fi
  at=/files/$2/$3
  mkdir -p "${at%/*}"
  cp -L "$1" "$at"
  is_for_machine "$1" || return 0
  if ! command -v readelf >/dev/null; then
    refuse "the image has no readelf, which tells what $1 needs: add binutils to packages in [build]"
    return 0
  fi
  for need in $(LC_ALL=C readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'); do
    case " $runtime " in *" $need "*) continue ;; esac
    if found=$(library "$need" "${1%/*}"); then
      take "$found" "$2" "lib/$need"
    else
      refuse "$1 needs $need, which the image has not for $machine"
    fi
  done
}

# take_item FROM ZIP NAME: takes what an item of include-from-image names, a path or a library.
take_item() {
  case $1 in
    /*) found=$1 ;;
    *) found=$(library "$1") || found='' ;;
  esac
  if [ -z "$found" ]; then
    refuse "the image has no library $1 for $machine"
  elif [ -d "$found" ]; then
    refuse "$found is a folder"
  elif [ ! -f "$found" ]; then
    refuse "the image has no file $found"
  else
    take "$found" "$2" "$3"
  fi
}

# take_certificates ZIP NAME: takes the certificate authorities, from where Debian and Alpine have them, or Fedora.
take_certificates() {
  for found in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -f "$found" ]; then
      take "$found" "$1" "$2"
      return
    fi
  done
  refuse "the image has no certificate authorities: add ca-certificates to packages in [build]"
}

# write_out writes the files and the list of them.
write_out() {
  [ -z "$missing" ] || exit 1
  (cd /files && find . -type f | LC_ALL=C sort) | while IFS= read -r name; do
    mode=-
    [ ! -x "/files/$name" ] || mode=x
    echo "$(wc -c <"/files/$name" | tr -d ' ') $mode ${name#./}"
    cat "/files/$name" >>/out/image-files.bin
  done >/out/image-files.txt
}
