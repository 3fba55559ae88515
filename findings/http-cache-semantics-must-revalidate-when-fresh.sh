#!/usr/bin/env bash
# http-cache-semantics 4.3.0
# RFC 9111 section 5.2.2.2 lets a cache use an answer with must-revalidate while it is fresh; only what is stale must be asked for
# again. One would guess the library to say so, all the more as proxy-revalidate and s-maxage are in it.
# Seen: with must-revalidate, a fresh answer never satisfies a request, while timeToLive() still tells its whole time, and adds
# stale-if-error to it, which must-revalidate forbids. So a cache that trusts both keeps what it never uses.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund http-cache-semantics@4.3.0 >/dev/null
cat >ask.cjs <<'JS'
const CachePolicy = require("http-cache-semantics");
const request = { method: "GET", url: "/", headers: { host: "a.example" } };
const say = (control) => {
  const policy = new CachePolicy(request, { status: 200, headers: { "cache-control": control } });
  return `used while fresh: ${policy.satisfiesWithoutRevalidation(request)}, seconds: ${Math.round(policy.timeToLive() / 1000)}`;
};
console.log(["max-age=60", "max-age=60, must-revalidate", "max-age=60, must-revalidate, stale-if-error=60"].map(say).join("; "));
JS
seen=$(node ask.cjs)
echo "http-cache-semantics 4.3.0: $seen"
[ "$seen" = "used while fresh: true, seconds: 60; used while fresh: false, seconds: 60; used while fresh: false, seconds: 120" ]
