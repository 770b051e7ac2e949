#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
#
# Builds the Erlang peer: build.sh OUT leaves the program OUT/bench.
# Exit status 3: a tool is missing. Debian package: erlang-base.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

command -v erlc >/dev/null || { echo "erlang-base is not installed" >&2; exit 3; }

erlc -o "$out" "$here"/*.erl
cp "$here/bench.sh" "$out/bench"
chmod +x "$out/bench"
