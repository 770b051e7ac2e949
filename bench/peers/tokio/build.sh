#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
#
# Builds the Tokio peer: build.sh OUT leaves the program OUT/bench.
# Uses Debian's compiler and Debian's copies of the crates, whatever else is on the PATH, and builds
# in OUT because cargo writes beside its sources.
# Exit status 3: something is missing. Debian packages: cargo rustc librust-tokio-dev.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
crates=/usr/share/cargo/registry

missing() {
    echo "$1 is not installed" >&2
    exit 3
}

[ -x /usr/bin/cargo ] || missing cargo
[ -x /usr/bin/rustc ] || missing rustc
ls -d "$crates"/tokio-1.* >/dev/null 2>&1 || missing librust-tokio-dev

rm -rf "$out/source"
mkdir "$out/source"
cp -R "$here/Cargo.toml" "$here/src" "$out/source"
cd "$out/source"
export RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$out/target"
/usr/bin/cargo build --quiet --release --offline \
    --config 'source.crates-io.replace-with = "debian"' \
    --config "source.debian.directory = \"$crates\""
cp "$out/target/release/bench" "$out/bench"
