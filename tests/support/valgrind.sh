#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A test program under valgrind, which must know the stacks that handlers wait on: their builds tell it.
#   valgrind.sh PROGRAM
set -eu

command -v valgrind >/dev/null || {
    echo "SKIPPED: $(basename "$1"): there is no valgrind (Debian package valgrind)"
    exit 77
}
exec valgrind -q --error-exitcode=1 "$1"
