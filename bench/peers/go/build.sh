#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
#
# Builds the Go peer: build.sh OUT leaves the program OUT/bench.
# Exit status 3: a tool is missing. Debian package: golang-go.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

command -v go >/dev/null || { echo "go is not installed" >&2; exit 3; }

cd "$here"
GOFLAGS=-mod=mod GOPROXY=off go build -o "$out/bench" .
