#!/usr/bin/env bash
# deck 1.4.0 (Debian 12's package deck), `deck validate -s FILE`, which asks no Kong
# One would guess: a file that it finds valid is one that Kong could load.
# Seen: it looks at names and types of fields alone. A port of 99999, a protocol that does not exist, -1 tries, a time of 0 and a route
# without anything to match by are valid to it, each of which Kong's own schema refuses; a misspelt field and a text for a number are
# refused. Of two services of one name it says so; of a form of the file that no Kong reads it says nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq deck >/dev/null 2>&1
dpkg -x deck_*.deb .
deck=$PWD/usr/bin/deck
version=$("$deck" version 2>&1 | head -n 1)
file() { # fields of the service, fields of the route, form
  printf '_format_version: "%s"\nservices:\n  - name: orders\n    host: orders.internal\n    %s\n    routes:\n      - name: orders\n        %s\n' \
    "${3:-3.0}" "$1" "$2" >kong.yaml
}
judged() { # what it is about
  if "$deck" validate -s kong.yaml >said.txt 2>&1; then valid+=("$1"); else refused+=("$1"); fi
}
valid=() refused=()
file 'port: 8080' 'paths: [/orders]' && judged good
file 'port: 99999' 'paths: [/orders]' && judged port
file 'protocol: htp' 'paths: [/orders]' && judged protocol
file 'retries: -1' 'paths: [/orders]' && judged retries
file 'read_timeout: 0' 'paths: [/orders]' && judged time
file 'port: 8080' 'strip_path: false' && judged nothing-to-match
file 'port: 8080' 'paths: [/orders]' 9.9 && judged form
file 'prot: 8080' 'paths: [/orders]' && judged misspelt
file 'port: "8080 or so"' 'paths: [/orders]' && judged type
echo "$version; valid: ${valid[*]}; refused: ${refused[*]}"
[[ $version == "decK 1.4.0"* ]] && [ "${valid[*]}" = "good port protocol retries time nothing-to-match form" ] && [ "${refused[*]}" = "misspelt type" ]
