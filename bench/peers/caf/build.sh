#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
#
# Builds the CAF peer: build.sh OUT leaves the program OUT/bench.
# Exit status 3: something is missing. Debian packages: g++ libcaf-dev (0.17).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
compiler=${CXX:-g++}

command -v "$compiler" >/dev/null || { echo "$compiler is not installed" >&2; exit 3; }
echo '#include <caf/all.hpp>' | "$compiler" -std=c++17 -E -x c++ - >/dev/null 2>&1 ||
    { echo "libcaf-dev is not installed" >&2; exit 3; }

"$compiler" -std=c++17 -O2 -DNDEBUG -o "$out/bench" \
    "$here"/main.cpp "$here"/messages.cpp "$here"/crowds.cpp "$here"/services.cpp \
    -lcaf_core -lpthread
