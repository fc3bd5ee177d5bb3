# How git reaches private repositories in the fetch step, which reads this as a secret file. The list beside it has a
# line for each repository that may be fetched,
#
#   ssh USER HOST PORT KEYS PATH      KEYS: public keys as TYPE:BASE64, with commas between; - for all that the agent has
#   https USER HOST PORT TOKEN PATH   - for no user or no token
#
# Without arguments this prepares the shell that sources it, with "ssh" it stands for ssh, with "credential" it is a
# git credential helper. What it has for the person who builds goes to 9, which servers cannot write to.

list=/run/secrets/lpipe-repositories
self=/run/secrets/lpipe-git

say() { printf '%s\n' "$@" >&9; }

refuse() { say "$@"; exit 128; }

deceives="fix: find out which dependency has a submodule with such an address"

# plain is true for an address that nobody can take for words.
plain() { case $1 in *[!]A-Za-z0-9.:/@_~+=[%-]*) false ;; esac; }

# unlisted TO NAME PREFIX says that a repository is not in the list, and by its name unless that was made to be read.
unlisted() {
  if plain "$3$2"; then
    say "refused to $1 $3$2: neither Cargo.lock nor [ssh] repositories names it" \
      "fix: if the build needs it, add \"$2\" to [ssh] repositories in lpipe.toml; else find out which dependency wants it"
  else
    say "refused to $1 an address with unusual characters: neither Cargo.lock nor [ssh] repositories names it" \
      "fix: find out which dependency wants it; the output above may name it"
  fi
}

# trim prints a repository's path without what different spellings of one repository differ in.
trim() { printf '%s\n' "$1" | sed -e 's|^/*||' -e 's|/*$||' -e 's|\.git$||'; }

# lookup SCHEME USER HOST PORT PATH finds the line of a repository, and sets login and secret to its second and fifth
# words. USER counts for ssh alone.
lookup() {
  while read -r kind login where gate secret what; do
    case $kind:$login in ssh:"$2" | https:*) ;; *) continue ;; esac
    if [ "$kind" = "$1" ] && [ "$where" = "$3" ] && [ "$gate" = "$4" ] && [ "$what" = "$5" ]; then return 0; fi
  done <"$list"
  return 1
}

lower() { printf '%s\n' "$1" | tr '[:upper:]' '[:lower:]'; }

prepare() {
  missing='' needed=''
  command -v git >/dev/null || missing=" git"
  if grep -q '^ssh ' "$list"; then
    command -v ssh >/dev/null || missing="$missing ssh"
    grep -q '^mode userauth' "$list" || needed=yes
  fi
  # Cargo's own git will do without a login, and for SSH where logins need not be bound to a host.
  if grep '^https ' "$list" | grep -qv '^https [^ ]* [^ ]* [^ ]* - '; then needed=yes; fi
  if [ -z "$missing" ]; then
    export CARGO_NET_GIT_FETCH_WITH_CLI=true
  elif [ -n "$needed" ]; then
    package=openssh-client
    command -v apk >/dev/null && package=openssh-client-default
    say "the base image lacks$missing, with which private repositories are fetched" \
      "fix: add to [build] in lpipe.toml: packages = [\"git\", \"$package\"]"
    exit 1
  else
    echo "note: the base image lacks$missing, and cargo's own git fetches any submodule that its keys can" >&2
  fi
  export GIT_ALLOW_PROTOCOL=ssh:https GIT_TERMINAL_PROMPT=0
  export GIT_SSH_VARIANT=ssh GIT_SSH_COMMAND="sh $self ssh"
  export XDG_CONFIG_HOME=/tmp/config
  mkdir -p /tmp/config/git
  printf '[credential]\n\thelper = "!sh %s credential"\n\tuseHttpPath = true\n' "$self" >/tmp/config/git/config
}

# as_ssh takes what git gives ssh: options, USER@HOST, and git-upload-pack 'PATH'.
as_ssh() {
  case "$*" in *[[:cntrl:]]*) refuse "refused an address with a control character" "$deceives" ;; esac
  port=22
  protocol=
  while [ $# -gt 2 ]; do
    case $1 in
      -p) port=$2 && shift ;;
      -o)
        plain "$2" || set -- "$1" "an unusual option"
        [ "$2" = SendEnv=GIT_PROTOCOL ] || refuse "refused to call ssh with $2" "$deceives"
        protocol=$2 && shift
        ;;
      -4 | -6) ;;
      *)
        plain "$1" || set -- "an unusual option"
        refuse "refused to call ssh with $1" "$deceives"
        ;;
    esac
    shift
  done
  user=git host=$1
  case $1 in *@*) user=${1%@*} host=${1##*@} ;; esac
  host=$(lower "$host")
  host=${host#[} host=${host%]}
  path=${2#"git-upload-pack '"}
  path=${path%"'"}
  case $path in
    *"'"* | -*) command='' ;;
    *) command="git-upload-pack '$path'" ;;
  esac
  if [ "$command" != "$2" ]; then
    set -- "$1" "${2%% *}"
    plain "$1$2" || set -- "a server" "another command than git-upload-pack"
    refuse "refused to run on $1: $2" "$deceives"
  fi
  path=$(trim "$path")
  if ! lookup ssh "$user" "$host" "$port" "$path"; then
    case $port in 22) name=$host/$path ;; *) name=$host:$port/$path ;; esac
    unlisted fetch "$name" "ssh://$user@"
    exit 128
  fi
  set -- -- "$host" "$2"
  if [ "$secret" = - ]; then
    set -- -o IdentityFile=none "$@"
  else
    keys=$(mktemp -d)
    n=0
    for key in $(printf '%s' "$secret" | tr , ' '); do
      n=$((n + 1))
      printf '%s %s\n' "${key%%:*}" "${key#*:}" >"$keys/$n.pub"
      case $key in
        *-cert-*) set -- -o "CertificateFile=$keys/$n.pub" "$@" ;;
        *) set -- -o "IdentityFile=$keys/$n.pub" "$@" ;;
      esac
    done
    set -- -o IdentitiesOnly=yes "$@"
  fi
  [ -z "$protocol" ] || set -- -o "$protocol" "$@"
  exec ssh -F /dev/null -p "$port" -l "$user" \
    -o BatchMode=yes -o PreferredAuthentications=publickey -o StrictHostKeyChecking=yes -o UpdateHostKeys=no \
    -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts "$@"
}

# as_credential answers git's question for the login of one https repository.
as_credential() {
  [ "$1" = get ] || exit 0
  protocol='' host='' path=''
  while IFS= read -r line; do
    case $line in
      protocol=*) protocol=${line#*=} ;;
      host=*) host=${line#*=} ;;
      path=*) path=$(trim "${line#*=}") ;;
    esac
  done
  [ "$protocol" = https ] || exit 0
  name=$(lower "$host")
  port=443
  case $name in
    \[*\]) ;; # an IPv6 address, whose colons begin no port
    *:*) port=${name##*:} name=${name%:*} ;;
  esac
  name=${name#[} name=${name%]}
  if ! lookup https - "$name" "$port" "$path"; then
    unlisted "log in for" "$host/$path" https://
    echo quit=1
  elif [ "$secret" = - ]; then
    say "https://$host/$path asks for a login, and lpipe.toml has none for it" \
      "fix: name a token: [git] tokens = { \"$host\" = \"env:NAME\" }"
    echo quit=1
  else
    printf 'username=%s\npassword=%s\n' "$login" "$secret"
  fi
}

case ${1-} in
  '') prepare ;;
  ssh) shift && as_ssh "$@" ;;
  credential) shift && as_credential "$@" ;;
esac
