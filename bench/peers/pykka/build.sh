#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
#
# Puts the Pykka peer in place: build.sh OUT leaves the program OUT/bench.
# Uses Debian's Python, whatever else is on the PATH.
# Exit status 3: something is missing. Debian package: python3-pykka.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

missing() {
    echo "$1 is not installed" >&2
    exit 3
}

[ -x /usr/bin/python3 ] || missing python3
/usr/bin/python3 -c 'import pykka' 2>/dev/null || missing python3-pykka

cp "$here/bench.py" "$out/bench"
chmod +x "$out/bench"
