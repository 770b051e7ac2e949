#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the build into a temporary folder and uses it as a stranger would: the first program of
# README.md through pkg-config (gcc and clang, shared and static) and through find_package, and
# each module that was built.
#   run.sh REPOSITORY BUILD CMAKE [MODULE...]
# Status 77: nothing failed, but a compiler is not here.
set -eu

root=$1 build=$2 cmake=$3
shift 3
here=$root/tests/install
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "install: $*"
    exit 1
}

# prints PROGRAM TEXT
prints() {
    printed=$("$1") || fail "$1 ended with status $?"
    [ "$printed" = "$2" ] || fail "$1 printed \"$printed\", not \"$2\""
}

# The program that is tested here is the one that README.md shows.
awk '/^```/ { if (inside) exit; inside = /^```c$/; next } inside' "$root/README.md" \
    >"$scratch/readme.c"
[ -s "$scratch/readme.c" ] || fail "README.md shows no program"
sed '1,/^$/d' "$here/calculator.c" | diff -u --label README.md --label calculator.c \
    "$scratch/readme.c" - || fail "the first program of README.md is not tests/install/calculator.c"

# Installed in one place, moved to another: nothing may remember the first.
"$cmake" --install "$build" --prefix "$scratch/first" >/dev/null
mv "$scratch/first" "$scratch/prefix"
prefix=$scratch/prefix
libraries=$(dirname "$(find "$prefix" -name libnoh.so)")
export PKG_CONFIG_PATH="$libraries/pkgconfig" LD_LIBRARY_PATH="$libraries"
cd "$scratch"

# shellcheck disable=SC2046 # a list of options
header=$(printf '#include <noh/noh.h>\nNOH_VERSION_MAJOR.NOH_VERSION_MINOR.NOH_VERSION_PATCH\n' |
    cc -E -P $(pkg-config --cflags noh) - | tail -n 1 | tr -d ' ')
[ "$header" = "$(pkg-config --modversion noh)" ] || fail "noh.h says $header, VERSION does not"

warnings="-Wall -Wextra -Werror"
used=
missing=
# shellcheck disable=SC2086,SC2046 # lists of options
for compiler in gcc clang; do
    command -v $compiler >/dev/null || { missing="$missing $compiler"; continue; }
    used="$used $compiler"
    $compiler $warnings "$here/calculator.c" -o shared $(pkg-config --cflags --libs noh)
    prints ./shared 4
    $compiler $warnings "$here/calculator.c" -o static -static \
        $(pkg-config --static --cflags --libs noh)
    prints ./static 4
    for module; do
        printf '#include <noh/%s.h>\nint main(void) { return 0; }\n' "$module" >"$module.c"
        $compiler $warnings "$module.c" -o "$module" $(pkg-config --cflags --libs "noh-$module")
        "./$module" || fail "a program with libnoh_$module does not start"
    done
done
[ -n "$used" ] || fail "no compiler"

# CMake takes the prefix from its own variable, and the modules as components.
"$cmake" -S "$here/consumer" -B cmake "-DCMAKE_PREFIX_PATH=$prefix" \
    "-DCMAKE_C_FLAGS=$warnings" "-DMODULES=$(echo "$*" | tr ' ' ';')" >cmake.log || {
    cat cmake.log
    fail "find_package"
}
"$cmake" --build cmake >cmake.log || { cat cmake.log; fail "the build with find_package"; }
prints cmake/shared 4
prints cmake/static 4
for module; do
    "cmake/uses_$module" || fail "a program with noh::$module does not start"
    "cmake/uses_${module}_static" || fail "a program with noh::${module}_static does not start"
done

if "$cmake" -S "$here/consumer" -B wrong "-DCMAKE_PREFIX_PATH=$prefix" -DMODULES=nonesuch \
    >/dev/null 2>&1; then
    fail "find_package finds a component that does not exist"
fi
echo "installed and used: pkg-config with$used, find_package; modules: ${*:-none}"
[ -z "$missing" ] || { echo "SKIPPED: the installed package with$missing: not here"; exit 77; }
