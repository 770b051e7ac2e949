// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

// The Go peer: a goroutine is an actor, a channel is its mailbox.
//
//	bench WORKLOAD SIZE...
//
// Channels are bounded, so a sender waits where the other peers queue without limit. mailboxSize is
// generous enough that this does not slow Go down; where waiting could deadlock (big, chameneos)
// the capacity covers everything that can be in flight.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

const mailboxSize = 1024

var workloads = map[string]struct {
	sizes int
	run   func(n []int64)
}{
	"pingpong":            {1, pingpong},
	"counting":            {1, counting},
	"ring":                {3, ring},
	"ring100":             {3, ring},
	"forkjoin-create":     {1, forkjoinCreate},
	"forkjoin-throughput": {2, forkjoinThroughput},
	"big":                 {2, big},
	"chameneos":           {2, chameneos},
	"mailbox-contention":  {2, mailboxContention},
	"idle-memory":         {1, idleMemory},
	"ask":                 {1, askFromThread},
	"ask-in-actor":        {1, askFromGoroutine},
	"restart":             {1, restart},
	"timers":              {1, timers},
	"http":                {1, serveHello},
	"latency-idle":        {1, latencyIdle},
	"latency-loaded":      {1, latencyLoaded},
	"inject":              {1, inject},
	"groups":              {2, groups},
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: bench WORKLOAD SIZE...")
		os.Exit(2)
	}
	workload, known := workloads[os.Args[1]]
	if !known {
		fmt.Fprintln(os.Stderr, "not written for Go:", os.Args[1])
		os.Exit(3)
	}
	if len(os.Args) != 2+workload.sizes {
		fmt.Fprintln(os.Stderr, os.Args[1], "takes", workload.sizes, "sizes")
		os.Exit(2)
	}
	if threads, err := strconv.Atoi(os.Getenv("BENCH_THREADS")); err == nil {
		runtime.GOMAXPROCS(threads)
	}
	workload.run(sizes(os.Args[2:]))
}

func sizes(arguments []string) []int64 {
	n := make([]int64, len(arguments))
	for i, argument := range arguments {
		value, err := strconv.ParseInt(argument, 10, 64)
		check(err == nil && value > 0, "a size is a number above 0")
		n[i] = value
	}
	return n
}
