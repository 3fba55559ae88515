#!/usr/bin/env bash
# Builds stable nginx with its stock modules that the output needs, and brotli (ngx_brotli) as a dynamic module: build.sh FOLDER.
# The source of nginx comes by cargo, that of the module from Debian. Needs cargo, gcc, make, and the headers of pcre2, OpenSSL,
# zlib and brotli.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

manifest=$(cargo metadata --locked --quiet --format-version 1 --manifest-path "$here/Cargo.toml" |
  grep -o '"manifest_path":"[^"]*/nginx-src-[^"]*"' | head -n 1 | cut -d '"' -f 4)
cp -r "$(dirname "$manifest")/nginx" "$work/nginx"

# Debian's sources, as this machine knows its packages; nothing of the machine's own lists changes.
mkdir -p "$work/lists/partial" "$work/sources"
sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/sources/debian.sources"
apt=(apt-get -qq -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists")
"${apt[@]}" update
archive=$("${apt[@]}" source --print-uris libnginx-mod-http-brotli-filter | grep -o "http[^']*orig\.tar\.gz" | head -n 1)
curl --silent --show-error --fail --location --max-time 120 --output "$work/brotli.tar.gz" "$archive"
echo "c85cdcfd76703c95aa4204ee4c2e619aa5b075cac18f428202f65552104add3b  $work/brotli.tar.gz" | sha256sum --check --quiet
mkdir "$work/brotli"
tar -xzf "$work/brotli.tar.gz" -C "$work/brotli" --strip-components 1

cd "$work/nginx"
auto/configure --prefix=/etc/nginx --with-http_ssl_module --with-http_v2_module --with-http_auth_request_module \
  --add-dynamic-module="$work/brotli" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 1; }
make -j 2 >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 1; }
mkdir -p "$out/modules"
cp objs/nginx "$out/nginx"
cp objs/ngx_http_brotli_filter_module.so "$out/modules/"
