#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
#
# The Erlang peer: bench WORKLOAD SIZE...
# +P: room for a million processes. One scheduler per processor unless BENCH_THREADS is set.
exec erl ${BENCH_THREADS:++S "$BENCH_THREADS"} +P 4000000 -noinput \
    -pa "$(dirname "$0")" -run bench main "$@"
