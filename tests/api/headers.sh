#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, twice in one file, without a warning: as C11, C17 and C++17,
# with gcc and clang.
#   headers.sh REPOSITORY
# Status 77: nothing failed, but a compiler is not here.
set -eu

root=$1
includes=-I$root/include
for folder in "$root"/modules/*/include; do
    [ -d "$folder" ] && includes="$includes -I$folder"
done

missing=
for compiler in gcc clang g++ clang++; do
    command -v $compiler >/dev/null || missing="$missing $compiler"
done

failed=0
checked=0
# check COMPILER LANGUAGE STANDARD HEADER
check() {
    case "$missing " in *" $1 "*) return ;; esac
    checked=$((checked + 1))
    # shellcheck disable=SC2086 # $includes is a list
    printf '#include <noh/%s>\n#include <noh/%s>\ntypedef int not_empty;\n' "$4" "$4" |
        "$1" -x "$2" "-std=$3" -Wall -Wextra -pedantic -Werror -fsyntax-only $includes - || {
        echo "noh/$4 does not compile alone: $1 -std=$3"
        failed=1
    }
}

for header in "$root"/include/noh/*.h "$root"/modules/*/include/noh/*.h; do
    [ -f "$header" ] || continue
    header=$(basename "$header")
    for compiler in gcc clang; do
        check $compiler c c11 "$header"
        check $compiler c c17 "$header"
    done
    for compiler in g++ clang++; do
        check $compiler c++ c++17 "$header"
    done
done
echo "$checked compilations"
[ "$failed" -eq 0 ] || exit 1
[ -z "$missing" ] || { echo "SKIPPED: headers with$missing: not here"; exit 77; }
[ "$checked" -gt 0 ]
