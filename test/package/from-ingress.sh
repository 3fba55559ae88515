#!/bin/sh
# A new user's way, from an Ingress to a proven nginx: from-ingress.sh PACKAGE INGRESS, in an empty folder. PACKAGE is gatewright, or a packed one.
set -eu
npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error "$1"
npx gatewright import "$2" --name shop --cases cases
npx gatewright check
npx gatewright synth
npx gatewright test
