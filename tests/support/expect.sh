#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs an example; what it prints must be the text of its `// expect: text` lines, no more and no
# less, and it must end with status 0.
#   expect.sh PROGRAM SOURCE
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -n 's|^// expect: \{0,1\}||p' "$2" >"$scratch/expected"
status=0
"$1" >"$scratch/printed" || status=$?
diff -u --label expected --label printed "$scratch/expected" "$scratch/printed" || exit 1
if [ "$status" -ne 0 ]; then
    echo "$1 ended with status $status"
    exit 1
fi
