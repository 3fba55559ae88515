#!/usr/bin/env bash
# cdk8s-plus-27 2.9.5
# One would guess: a library of constructs installs itself and its peers, cdk8s and constructs.
# Seen: its maintainers' tool for release branches, backport 8.5.0, is one of its optional dependencies, which npm installs by
# default, with an install script and a hundred packages of its own (inquirer, rxjs, octokit, lodash); no file of lib/ asks for it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
install() { # further options
  rm -rf node_modules package-lock.json
  echo '{ "private": true }' >package.json
  npm install --silent --no-audit --no-fund --ignore-scripts "$@" cdk8s-plus-27@2.9.5 cdk8s@2.70.106 constructs@10.8.1
}
listed() { node -p 'Object.keys(JSON.parse(require("fs").readFileSync("package-lock.json", "utf8")).packages).length - 1'; }
install
with=$(listed)
[ -d node_modules/backport ] && tool=$(node -p 'require("./node_modules/backport/package.json").version')
asked=$({ grep -rlE 'require\("(backport|inquirer|rxjs)' node_modules/cdk8s-plus-27/lib --include='*.js' || true; } | wc -l)
install --omit=optional
loads=$(node -e 'console.log(typeof require("cdk8s-plus-27").k8s.KubeService)')
echo "cdk8s-plus-27 2.9.5: backport ${tool:-none}; files of lib/ that ask for it: $asked; without optional packages it loads: $loads"
echo "packages with it: $with in the lock file, of which installed without: $(ls node_modules | wc -l)"
[ "${tool:-}" = 8.5.0 ] && [ "$asked" = 0 ] && [ "$loads" = function ] && [ ! -d node_modules/backport ] && [ "$with" -gt 100 ]
