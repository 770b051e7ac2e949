#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The test of expect.sh: it passes what prints its expected lines, and nothing else.
#   expect_finds.sh EXPECT
set -eu

expect=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
printf '%s\n' 'int main(void);' '// expect: one' '// expect:  two  words' '// expect:' \
    '// expect: // expect: four' >source.c

# program SHELL_COMMAND
program() {
    printf '#!/bin/sh\n%s\n' "$1" >program
    chmod +x program
}
# refused SHELL_COMMAND
refused() {
    program "$1"
    if sh "$expect" ./program source.c >/dev/null 2>&1; then
        echo "expect.sh passes: $1"
        exit 1
    fi
}

all='one\n two  words\n\n// expect: four'
program "printf '$all\n'; echo an error message >&2"
sh "$expect" ./program source.c 2>/dev/null

refused ":"
refused "printf '$all'"
refused "printf '$all\n\n'"
refused "printf '$all\nfive\n'"
refused "printf 'zero\n$all\n'"
refused "printf 'one\n two  words\n\n'"
refused "printf 'one\ntwo  words\n\n// expect: four\n'"
refused "printf 'one\n two  words \n\n// expect: four\n'"
refused "printf 'one\n two  words\n// expect: four\n'"
refused "printf ' two  words\none\n\n// expect: four\n'"
refused "printf '$all\n'; exit 3"
refused "printf '$all\n'; kill -9 \$\$"
