#!/usr/bin/env bash
# prom-client 15.1.3 with promtool 2.42.0 (Debian 12's package prometheus)
# One would guess: the metrics that the client library makes by default pass the check of names that Prometheus itself brings.
# Seen: three gauges of collectDefaultMetrics (handles, requests and resources of Node that are active) end in _total, which is kept for
# counters: promtool check metrics ends with 3 for them alone, and with 0 once they are taken out of the registry.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund prom-client@15.1.3
apt-get download -qq prometheus >/dev/null 2>&1
dpkg -x prometheus_*.deb .
promtool=$PWD/usr/bin/promtool
version=$("$promtool" --version 2>&1 | head -n 1)
metrics() { # names to take out
  node -e '
    const { collectDefaultMetrics, Registry } = require("prom-client");
    const register = new Registry();
    collectDefaultMetrics({ register });
    for (const name of process.argv.slice(1)) register.removeSingleMetric(name);
    register.metrics().then((text) => process.stdout.write(text, () => process.exit(0)));
  ' "$@"
}
check() { # the code that promtool ends with, and what it says
  set +e
  said=$("$promtool" check metrics 2>&1)
  code=$?
  set -e
}
metrics >all.txt
check <all.txt
before=$code
named=$(grep -oE '^nodejs_active_[a-z]+_total' <<<"$said" | sort -u | tr '\n' ' ')
others=$(grep -vcE '^nodejs_active_[a-z]+_total non-counter metrics should not have' <<<"$said" || true)
# shellcheck disable=SC2086
metrics $named >fewer.txt
check <fewer.txt
echo "$version; prom-client 15.1.3 by default: promtool ends with $before for $named(other complaints: $others); without these: $code"
[[ $version == *"2.42.0"* ]] && [ "$before" = 3 ] && [ "$code" = 0 ] && [ "$others" = 0 ] &&
  [ "$named" = "nodejs_active_handles_total nodejs_active_requests_total nodejs_active_resources_total " ]
