#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The test of scripts/tidy: in a small repository it finds each bad sample, and nothing else.
#   tidy_finds.sh TIDY
set -eu

tidy=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir -p include/noh src/base src/sync src/core src/kit modules/net/src modules/net/tests \
    tests/unit tests/stress

# What is allowed.
echo '#include "err.h"' >include/noh/noh.h
echo '#include <stdint.h>' >include/noh/err.h
echo '#include <noh/err.h>' >src/base/base.h
echo '#include <stdatomic.h>' >src/sync/atomic.h
printf '#include "base.h"\n#include "atomic.h"\n' >src/sync/park.h
printf '#include "base.h"\n#include "park.h"\n#include <noh/noh.h>\n' >src/core/worker.h
printf '/* no __atomic_ here,\n * sleep(1) neither */ // stdatomic.h\n' >src/core/worker.c
echo '#include <noh/noh.h>' >src/kit/group.c
printf '#include "loop.h"\n#include <noh/net.h>\n#include <uv.h>\n' >modules/net/src/loop.c
echo 'void f(void) { noh_sleep(1); g(); } // sleep(1)' >tests/unit/test_a.c
echo '#include <stdatomic.h>' >tests/unit/test_b.c
echo 'void f(void) { usleep(1); }' >tests/stress/stress_a.c

if ! sh "$tidy" .; then
    echo "tidy reports what is allowed"
    exit 1
fi

# expect FILE TEXT: with this file, tidy reports it and no other.
expect() {
    printf '%b\n' "$2" >"$1"
    found=$(sh "$tidy" . || true)
    case $found in
        "$1:"*) ;;
        *) echo "tidy does not find in $1: $2"; exit 1 ;;
    esac
    if [ "$(printf '%s\n' "$found" | grep -vc "^$1:")" -ne 0 ]; then
        echo "tidy reports more than $1: $found"
        exit 1
    fi
    rm "$1"
}

expect include/noh/bad.h '#include <stdatomic.h>'
expect include/noh/bad.h '#include <pthread.h>'
expect include/noh/bad.h '#include "../src/base/base.h"'
expect src/base/bad.c '#include "park.h"'
expect src/base/bad.c '#include "../core/worker.h"'
expect src/base/bad.c '#include <noh/noh.h>'
expect src/sync/bad.c '#include "worker.h"'
expect src/sync/bad.c '#include <noh/watch.h>'
expect src/sync/bad.c '#include <stdatomic.h>'
expect src/core/bad.c '  #  include <stdatomic.h>'
expect src/core/bad.c '/* a */ __atomic_thread_fence(5); /* b */'
expect src/core/bad.c 'x = __sync_fetch_and_add(&y, 1);'
expect src/core/bad.c '_Atomic int x;'
expect src/core/bad.c '#include "group.h"'
expect src/kit/bad.c '#include "base.h"'
expect modules/net/src/bad.c '#include "../../../src/base/base.h"'
expect modules/net/src/bad.c '/* one\n two */ atomic_int x;'
expect modules/net/tests/bad.c 'sleep (1);'
expect tests/unit/bad.c 'void f(void) { usleep(1); }'
expect tests/unit/bad.c 'nanosleep(&t, NULL);'
