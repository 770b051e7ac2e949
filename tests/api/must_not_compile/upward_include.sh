#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file of a lower layer cannot include a header of a layer above it: with the include roots that
# the build gives to the lower layer, the header is not found.
#   upward_include.sh SRC ROOTS_OF_BASE ROOTS_OF_SYNC ROOTS_OF_CORE      (roots: a:b:c)
set -eu

src=$1 base=$2 sync=$3 core=$4
checked=0

# finds HEADER ROOTS: does a file with these include roots compile when it includes the header?
finds() {
    # shellcheck disable=SC2046 # a list of options
    printf '#include "%s"\n' "$1" | cc -x c -D_GNU_SOURCE -fsyntax-only \
        $(echo "$2" | tr ':' '\n' | sed 's/^/-I/') - 2>/dev/null
}

# check LOWER UPPER ROOTS_OF_LOWER ROOTS_OF_UPPER
check() {
    for header in "$src/$2"/*.h; do
        [ -f "$header" ] || continue
        header=$(basename "$header")
        checked=$((checked + 1))
        if finds "$header" "$3"; then
            echo "a file in src/$1 can include \"$header\" of src/$2"
            exit 1
        fi
        if ! finds "$header" "$4"; then
            echo "\"$header\" does not compile alone in its own layer, src/$2"
            exit 1
        fi
    done
}

check base sync "$base" "$sync"
check base core "$base" "$core"
check sync core "$sync" "$core"
echo "$checked headers"
[ "$checked" -gt 0 ]
