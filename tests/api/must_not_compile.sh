#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mistake that the compiler must refuse, not only warn about. With -DOK the file does not make the
# mistake and must compile, or its failure would prove nothing.
#   must_not_compile.sh FILE INCLUDE_FOLDER
# Status 77: nothing failed, but a compiler is not here.
set -eu

missing=
for compiler in cc gcc clang; do
    command -v $compiler >/dev/null || { missing="$missing $compiler"; continue; }
    if ! $compiler -DOK -I"$2" -c -o /dev/null "$1"; then
        echo "$1 does not compile with -DOK: $compiler"
        exit 1
    fi
    if $compiler -I"$2" -c -o /dev/null "$1" 2>/dev/null; then
        echo "$1 compiles: $compiler"
        exit 1
    fi
done
[ -z "$missing" ] || { echo "SKIPPED: $(basename "$1") with$missing: not here"; exit 77; }
