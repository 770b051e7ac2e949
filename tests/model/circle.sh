#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lets spin search circle.pml: it must hold, and each of its faults must be found.
#   circle.sh FOLDER_OF_THE_MODEL
set -eu

command -v spin >/dev/null || { echo "SKIPPED: there is no spin (Debian package spin)"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
spin -a "$1/circle.pml" >spin.out || { cat spin.out >&2; exit 1; }
${CC:-cc} -O1 -w -DSAFETY -DNOCLAIM -DCOLLAPSE -o pan pan.c

# search SETTING=NUMBER...: "holds", "fails" or "incomplete"
search() {
    env "$@" ./pan -m20000 >pan.out 2>&1 || true
    grep -E 'states, stored' pan.out | sed "s/^/$*:/" >&2
    if grep -q 'assertion violated' pan.out; then
        echo fails
    elif grep -Eq 'search depth too small|out of memory' pan.out; then
        echo incomplete
    elif grep -q 'errors: 0' pan.out; then
        echo holds
    else
        echo incomplete
    fi
}

# expect HOW SETTING=NUMBER...
expect() {
    how=$1
    shift
    found=$(search "$@")
    [ "$found" = "$how" ] || { echo "$*: it $found, where it should be: $how"; exit 1; }
}

expect holds ACTORS=2 ASKS=1 FORWARDS=1 PROMISES=1
expect holds ACTORS=2 ASKS=1 FORWARDS=1 TIMEOUTS=1
expect holds ACTORS=3 ASKS=1
for fault in 1 2 3 5 6 7; do
    expect fails ACTORS=3 ASKS=1 FAULT=$fault
done
expect fails ACTORS=2 ASKS=1 FORWARDS=1 FAULT=4
expect incomplete ACTORS=2 ASKS=1 FORWARDS=1 PROMISES=1 FAULT=8 # an endless path
