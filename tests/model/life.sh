#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lets spin search life.pml: it must hold, and each of its faults must be found.
#   life.sh FOLDER_OF_THE_MODEL
set -eu

command -v spin >/dev/null || { echo "SKIPPED: there is no spin (Debian package spin)"; exit 77; }
model=$1/life.pml
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# errors NAME [SPIN_OPTION]... -- PAN_FLAGS [PAN_OPTION]...: how many errors a search finds
errors() {
    name=$1
    shift
    mkdir "$name"
    options=
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    flag=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    (cd "$name" && spin $options -a "$model" >spin.out && ${CC:-cc} -O2 -w $flag -o pan pan.c &&
        ./pan -m100000 "$@" >pan.out) || { cat "$name"/*.out >&2; return 1; }
    # shellcheck disable=SC2016 # awk's
    awk -v name="$name" '/States stored|states, stored/ { stored = $1 }
        /search depth limit|max search depth too small/ { incomplete = 1 }
        /errors:/ { for (i = 1; i < NF; i++) if ($i == "errors:") found = $(i + 1) }
        END { print name ": " stored " states, " found " errors" > "/dev/stderr"
              print incomplete ? "incomplete" : found }' "$name/pan.out"
}

[ "$(errors states -- '-DSAFETY -DNOCLAIM')" = 0 ] || { echo "the model has an error"; exit 1; }
[ "$(errors ends -- -DNFAIR=3 -a -f)" = 0 ] ||
    { echo "an ask may not end"; exit 1; }
for fault in FORGETS TRUSTS; do
    found=$(errors $fault -D$fault -- '-DSAFETY -DNOCLAIM')
    case $found in
        0 | incomplete) echo "spin does not find $fault"; exit 1 ;;
    esac
done
