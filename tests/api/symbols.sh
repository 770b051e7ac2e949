#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares what a shared library exports with the reviewed list, so that no symbol comes or goes
# unseen.
#   symbols.sh LIBRARY LIST             fails on a difference
#   symbols.sh --update LIBRARY LIST    rewrites the list; read the change before you commit it
# Names that begin with _ belong to the compiler and its runtimes.
set -eu

# exported LIBRARY
exported() {
    [ -f "$1" ] || { echo "no library $1" >&2; return 1; }
    nm -D --defined-only "$1" | awk '$NF !~ /^_/ { sub(/@.*/, "", $NF); print $NF }' |
        LC_ALL=C sort -u
}

if [ "$1" = --update ]; then
    symbols=$(exported "$2")
    {
        echo "# SPDX-License-Identifier: Apache-2.0"
        echo "# What $(basename "$2" .so).so exports. Checked and rewritten by tests/api/symbols.sh."
        echo "$symbols"
    } >"$3"
    exit
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
grep -v '^#' "$2" >"$scratch/reviewed" || true
exported "$1" >"$scratch/exported"
diff -u --label reviewed --label exported "$scratch/reviewed" "$scratch/exported" || {
    echo "When the change is meant: sh tests/api/symbols.sh --update $1 $2"
    exit 1
}
