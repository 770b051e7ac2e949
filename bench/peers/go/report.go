// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// check ends the program when a workload computed the wrong result.
func check(ok bool, what string) {
	if !ok {
		fmt.Fprintln(os.Stderr, "CHECK FAILED:", what)
		os.Exit(1)
	}
}

// report prints the one line that the driver reads.
func report(workload string, n int64, took time.Duration, extra string) {
	seconds := took.Seconds()
	fmt.Printf("workload=%s peer=go n=%d seconds=%.6f rate=%.0f%s\n",
		workload, n, seconds, float64(n)/seconds, extra)
}

// residentBytes is the memory the process holds now.
func residentBytes() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	check(err == nil, "/proc/self/statm")
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	check(err == nil, "/proc/self/statm")
	return pages * int64(os.Getpagesize())
}
