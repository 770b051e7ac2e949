#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public name is used in a test and shown in an example. Names the missing ones.
#   coverage.sh REPOSITORY
#
# Public names, of include/noh and modules/*/include/noh:
#   functions   declared with NOH_API, or static inline, but not those whose names end with _
#   messages    declared with NOH_DECLARE_MESSAGE or NOH_DECLARE_REQUEST and NOH_API
#   macros      NOH_... and noh_..., but not what is inside of others:
#                 names that end with _, or with _1, _2 ... _N: forms by the number of arguments
#                 NOH_PP_..., and the families NOH_DESC_, NOH_MEMBER_, NOH_NEED_, NOH_THUNK_,
#                 NOH_ENTRY_, whose names are pasted together
#                 include guards
# Used is what stands in the code, not in a comment or a text: in tests and modules/*/tests, or in
# examples and modules/*/examples. A macro is no use of the function behind it.
set -eu

cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

export LC_ALL=C # one order for sort and comm

# files FOLDER...: the C and C++ files in those folders that exist
files() {
    for folder; do
        if [ -d "$folder" ]; then
            find "$folder" -name '*.[ch]' -o -name '*.cpp'
        fi
    done
}

# code FILE...: without comments, texts emptied
code() {
    awk '
        FNR == 1 { in_comment = 0 }
        {
            code = ""; rest = $0
            while (rest != "") {
                if (in_comment) {
                    at = index(rest, "*/")
                    if (at == 0) break
                    rest = substr(rest, at + 2); in_comment = 0
                    continue
                }
                at = match(rest, /\/[*\/]|["\047]/)
                if (at == 0) { code = code rest; break }
                begin = substr(rest, at, 2)
                code = code substr(rest, 1, at - 1) " "
                if (begin == "//") break
                rest = substr(rest, at)
                if (begin == "/*") { rest = substr(rest, 3); in_comment = 1; continue }
                # A quote that does not end, as in #error, ends with the line.
                if (!match(rest, /^("([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047)/)) break
                rest = substr(rest, RLENGTH + 1)
            }
            print code
        }' "$@"
}

# declared FILE...: the functions and messages
declared() {
    code "$@" | awk '
        /^[ \t]*#/ || continued { continued = /\\$/; next }
        { gsub(/[;{}]/, "\n"); printf "%s ", $0 }' | awk '
        {
            gsub(/[ \t]+/, " "); sub(/^ /, "")
            at = index($0, "(")
            if (at == 0) next
            head = substr($0, 1, at - 1); sub(/ $/, "", head)
        }
        head ~ /^NOH_DECLARE_(MESSAGE|REQUEST)$/ && /\( ?NOH_API ?,/ {
            gsub(/[() ]/, ""); split($0, words, ",")
            print words[head ~ /REQUEST/ ? 3 : 2]
        }
        head ~ /(^| )NOH_API / || head ~ /^static inline / {
            sub(/^.*[ *]/, "", head); print head
        }'
}

# defined FILE...: the macros
defined() {
    code "$@" | sed -n 's/^[ ]*#[ ]*define[ ]*\([A-Za-z0-9_]*\).*/\1/p' | grep -iE '^noh_' |
        grep -vE -e '_([0-9]|N)$' -e '^NOH_[A-Z]+_H$' \
            -e '^NOH_(PP|DESC|MEMBER|NEED|THUNK|ENTRY)_'
}

# shellcheck disable=SC2046 # lists of files, none with a blank in its name
{
    headers=$(files include/noh modules/*/include/noh)
    # shellcheck disable=SC2086
    { declared $headers; defined $headers; } | grep -v '_$' | sort -u >"$scratch/public"
    code $(files tests modules/*/tests) | tr -cs 'A-Za-z0-9_' '\n' | sort -u >"$scratch/tests"
    code $(files examples modules/*/examples) | tr -cs 'A-Za-z0-9_' '\n' | sort -u \
        >"$scratch/examples"
}

# Did we see all? What the libraries export must be among it, and macros of both kinds.
{
    cat tests/api/symbols.txt
    find modules -path '*/tests/symbols.txt' -exec cat {} +
    printf '%s\n' NOH_MESSAGE noh_tell
} | sed '/^#/d; s/^noh_type_\(noh_\)/\1/' | sort -u |
    comm -23 - "$scratch/public" >"$scratch/unseen"
failed=0
while read -r name; do
    echo "$name: public, but this script does not see it in the headers"
    failed=1
done <"$scratch/unseen"
for place in tests examples; do
    comm -23 "$scratch/public" "$scratch/$place" >"$scratch/missing"
    while read -r name; do
        echo "$name: not in $place"
        failed=1
    done <"$scratch/missing"
done
echo "$(wc -l <"$scratch/public") public names"
exit $failed
