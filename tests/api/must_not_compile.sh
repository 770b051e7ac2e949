#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mistake that the compiler must refuse, not only warn about. With -DOK the file does not make the
# mistake and must compile, or its failure would prove nothing.
#   must_not_compile.sh FILE INCLUDE_FOLDER
set -eu

checked=0
for compiler in cc gcc clang; do
    command -v $compiler >/dev/null || continue
    checked=$((checked + 1))
    if ! $compiler -DOK -I"$2" -c -o /dev/null "$1"; then
        echo "$1 does not compile with -DOK: $compiler"
        exit 1
    fi
    if $compiler -I"$2" -c -o /dev/null "$1" 2>/dev/null; then
        echo "$1 compiles: $compiler"
        exit 1
    fi
done
[ $checked -gt 0 ]
