#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example server: what --check prints is the text of its `// check:` lines; it answers curl; and
# it ends in order, with status 0 and within 2 s of a Ctrl-C.
#   hello.sh PROGRAM SOURCE
set -eu

scratch=$(mktemp -d)
server=
trap 'rm -rf "$scratch"; [ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

sed -n 's|^// check: \{0,1\}||p' "$2" >"$scratch/expected"
"$1" --check >"$scratch/printed"
diff -u --label expected --label printed "$scratch/expected" "$scratch/printed"

command -v curl >/dev/null || { echo "curl is not here: the rest is not tested"; exit 0; }
mkfifo "$scratch/output"
"$1" --port 0 >"$scratch/output" &
server=$!
read -r url <"$scratch/output" # waits until it serves

# ask EXPECTED [option of curl]...
ask() {
    expected=$1
    shift
    answer=$(curl --silent --show-error --max-time 5 "$@")
    [ "$answer" = "$expected" ] || { echo "curl $*: $answer, not $expected"; exit 1; }
}
ask "Hello world!" "$url"
ask "Hello world!" --data body "${url}some/path?query"
ask "200 text/plain" --output /dev/null --write-out '%{http_code} %{content_type}' "$url"

began=$(date +%s)
kill -INT "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" -eq 0 ] || { echo "the server ended with status $status"; exit 1; }
[ $(($(date +%s) - began)) -le 2 ] || { echo "the server took too long to end"; exit 1; }
