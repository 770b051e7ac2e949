// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

package main

import (
	"fmt"
	"runtime"
	"sort"
	"time"
)

// From a send to its handling: latency-idle, latency-loaded.

// target notes how late each stamp is.
func target(mailbox chan time.Time, measured chan []int64) {
	all := make([]int64, 0, 100000)
	for due := range mailbox {
		all = append(all, int64(time.Since(due)))
	}
	measured <- all
}

func reportLatencies(row string, all []int64, took time.Duration) {
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	quantile := func(perMille int) int64 { return all[(len(all)*perMille+999)/1000-1] }
	report(row, int64(len(all)), took, fmt.Sprintf(" p50_ns=%d p99_ns=%d p999_ns=%d max_ns=%d",
		quantile(500), quantile(990), quantile(999), quantile(1000)))
}

// latencyIdle: a goroutine locked to its thread sends now and then.
func latencyIdle(n []int64) {
	runtime.LockOSThread()
	probe("latency-idle-1ms", time.Millisecond, n[0])
	probe("latency-idle-20us", 20*time.Microsecond, 20*n[0])
}

func probe(row string, period time.Duration, probes int64) {
	mailbox, measured := make(chan time.Time, mailboxSize), make(chan []int64)
	go target(mailbox, measured)
	start := time.Now()
	for i := int64(0); i < probes; i++ {
		waitUntil(time.Now().Add(period))
		mailbox <- time.Now()
	}
	took := time.Since(start)
	close(mailbox)
	all := <-measured
	check(int64(len(all)) == probes, "every probe arrived")
	reportLatencies(row, all, took)
}

// waitUntil sleeps, or spins when that is too short for a sleep.
func waitUntil(due time.Time) {
	if wait := time.Until(due); wait > 200*time.Microsecond {
		time.Sleep(wait)
	}
	for time.Now().Before(due) {
	}
}

// latencyLoaded: a prober sends about each 100 us, beside 100 pairs that play at full speed. When
// it does not get its turn it is late, and that counts.
func latencyLoaded(n []int64) {
	lasts := time.Duration(n[0]) * time.Millisecond
	rounds := workRounds(time.Microsecond)
	probeBeside("latency-loaded-light", 0, lasts)
	probeBeside("latency-loaded-1us", rounds, lasts)
}

func probeBeside(row string, work int64, lasts time.Duration) {
	const period = 100 * time.Microsecond
	mailbox, measured := make(chan time.Time, mailboxSize), make(chan []int64)
	go target(mailbox, measured)
	load := startChat(100, work)
	time.Sleep(20 * time.Millisecond)
	probes, done := 0, make(chan time.Duration)
	go func() {
		start := time.Now()
		due, now := start.Add(period), start
		for now.Sub(start) < lasts {
			runtime.Gosched()
			now = time.Now()
			if !now.Before(due) {
				mailbox <- due
				due = now.Add(period)
				probes++
			}
		}
		close(mailbox)
		done <- time.Since(start)
	}()
	took := <-done
	all := <-measured
	check(len(all) == probes, "every probe arrived")
	check(load.halt() > int64(probes), "there was a load")
	reportLatencies(row, all, took)
}
