#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example server: what --check prints is the text of its `// check:` lines; wrong options are
# refused; it answers curl; and it ends in order, with status 0 and within 2 s of a Ctrl-C, having
# had nothing to complain about.
#   hello.sh PROGRAM SOURCE
set -eu

scratch=$(mktemp -d)
server=
trap 'rm -rf "$scratch"; [ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

sed -n 's|^// check: \{0,1\}||p' "$2" >"$scratch/expected"
for options in "--check" "--check --port 0" "--port 0 --check"; do
    # shellcheck disable=SC2086 # a list
    "$1" $options >"$scratch/printed"
    diff -u --label expected --label printed "$scratch/expected" "$scratch/printed"
done

# refuse PROGRAM OPTION...
refuse() {
    status=0
    "$@" >"$scratch/printed" 2>"$scratch/usage" || status=$?
    [ "$status" -eq 2 ] || { echo "$*: status $status"; exit 1; }
    [ ! -s "$scratch/printed" ] || { echo "$*: prints"; exit 1; }
    grep -q '^usage: ' "$scratch/usage" || { echo "$*: does not say how"; exit 1; }
}
refuse "$1" --wrong
refuse "$1" 5000
refuse "$1" --check wrong
refuse "$1" --port
refuse "$1" --port ''
refuse "$1" --port x
refuse "$1" --port 80x
refuse "$1" --port -1
refuse "$1" --port 65536
refuse "$1" --port 99999999999999999999
refuse "$1" --port 0 --port

command -v curl >/dev/null || { echo "curl is not here: the rest is not tested"; exit 0; }
mkfifo "$scratch/output"
"$1" --port 0 >"$scratch/output" 2>"$scratch/complaints" &
server=$!
exec 3<"$scratch/output"
read -r url <&3 # waits until it serves

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
read -r census <&3
[ "${census#actors alive: }" -ge 3 ] || { echo "$census"; exit 1; }

began=$(date +%s)
kill -INT "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" -eq 0 ] || { echo "the server ended with status $status"; exit 1; }
[ $(($(date +%s) - began)) -le 2 ] || { echo "the server took too long to end"; exit 1; }
[ ! -s "$scratch/complaints" ] || { cat "$scratch/complaints"; exit 1; }
