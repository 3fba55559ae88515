#!/usr/bin/env bash
# js-yaml 5.5.0, PyYAML 6.0.3
# One would guess: what one maintained YAML library writes another reads, the more so for a mapping of one short text.
# Seen: js-yaml writes a text with a question mark between braces without quotes, as YAML 1.2 allows; PyYAML, as other readers
# of YAML 1.1 (Kubernetes' among them: "did not find expected ',' or '}'"), refuses the file. In block style both agree. So a
# regular expression such as (?i)word may stand in a block, or in quotes, and not plainly in { }.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work" js-yaml@5.5.0
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/py" PyYAML==6.0.3 2>/dev/null
cd "$work"
write() { node -e 'const { dump } = require("js-yaml"); process.stdout.write(dump({ match: { regex: "(?i)word" } }, { flowLevel: Number(process.argv[1]) }))' -- "$1"; }
read_back() { PYTHONPATH="$work/py" python3 -c 'import sys, yaml
try: print(yaml.safe_load(sys.stdin.read())["match"]["regex"])
except yaml.YAMLError as error: print("refused:", str(error).split("\n")[0])'; }
flow=$(write 1)
seen="$flow -> $(printf '%s' "$flow" | read_back); block -> $(write -1 | read_back)"
echo "js-yaml 5.5.0, PyYAML 6.0.3: $seen"
[ "$seen" = "match: {regex: (?i)word} -> refused: while parsing a flow mapping; block -> (?i)word" ]
