# What a step that downloads sources to reach the network as the run does. The authorities are trusted beside those of the
# image, which stays as it is: /tmp is gone after the step. Every program that downloads has a variable of its own for them.
authorities=/run/secrets/lpipe-authorities

if [ -s $authorities ]; then
  for store in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
    if [ -s "$store" ]; then cat "$store" && echo && break; fi
  done >/tmp/authorities.pem
  cat $authorities >>/tmp/authorities.pem
  export SSL_CERT_FILE=/tmp/authorities.pem # OpenSSL, rustup, dnf
  export CURL_CA_BUNDLE=$SSL_CERT_FILE SSL_CA_CERT_FILE=$SSL_CERT_FILE GIT_SSL_CAINFO=$SSL_CERT_FILE GIT_PROXY_SSL_CAINFO=$SSL_CERT_FILE
  export CARGO_HTTP_CAINFO=$SSL_CERT_FILE # not CARGO_HTTP_PROXY_CAINFO, in which older cargos see a table called http.proxy
  printf 'Acquire::https::CAInfo "%s";\n' "$SSL_CERT_FILE" >/tmp/apt.conf
  export APT_CONFIG=/tmp/apt.conf
fi

# setting KEY FILE... prints a string of [http] in the first configuration of cargo that has it.
setting() {
  key=$1 && shift
  awk -v key="$key" -v quote="[\"']" '
    /^[ \t]*\[/ { http = $0 ~ /^[ \t]*\[[ \t]*http[ \t]*\]/; next }
    {
      name = $0
      sub(/=.*/, "", name)
      gsub(/[ \t]/, "", name)
      if (name != "http." key && !(http && name == key)) next
      value = substr($0, index($0, "=") + 1)
      sub("^[ \t]*" quote, "", value)
      sub(quote "[ \t]*(#.*)?$", "", value)
      print value
      exit
    }' "$@"
}

# as_cargo FILE... lets git, which cargo runs, use the proxy and the authorities of cargo's configuration.
as_cargo() {
  cainfo=$(setting cainfo "$@") proxy=$(setting proxy "$@")
  if [ -s "$cainfo" ]; then
    for file in "$cainfo" $authorities; do
      if [ -s "$file" ]; then cat "$file" && echo; fi
    done >/tmp/cainfo.pem
    export CARGO_HTTP_CAINFO=/tmp/cainfo.pem GIT_SSL_CAINFO=/tmp/cainfo.pem
  fi
  if [ "$proxy" ]; then
    export HTTPS_PROXY="$proxy" https_proxy="$proxy" http_proxy="$proxy"
  fi
}
