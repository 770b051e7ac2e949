// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

package main

import (
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// What a runtime offers beside messages: ask, restart, timers, http.

type request struct {
	value  int64
	answer chan int64
}

// askFromThread locks the asking goroutine to its thread: it stands for a plain thread.
func askFromThread(n []int64) {
	runtime.LockOSThread()
	ask("ask", n[0])
}

func askFromGoroutine(n []int64) {
	ask("ask-in-actor", n[0])
}

func ask(workload string, asks int64) {
	mailbox := make(chan request)
	go func() {
		for r := range mailbox {
			r.answer <- r.value
		}
	}()
	sum := int64(0)
	start := time.Now()
	for i := int64(0); i < asks; i++ {
		answer := make(chan int64, 1)
		mailbox <- request{i, answer}
		sum += <-answer
	}
	took := time.Since(start)
	check(sum == asks*(asks-1)/2, "answers")
	report(workload, asks, took, "")
}

// restart: Go has no supervisor; a panic is recovered and a new goroutine takes over.
func restart(n []int64) {
	crashes := n[0]
	handled := int64(0)
	down := make(chan any)
	start := time.Now()
	for i := int64(0); i < crashes; i++ {
		mailbox := make(chan int64, 1)
		go func() {
			defer func() { down <- recover() }()
			<-mailbox
			handled++
			panic("crash")
		}()
		mailbox <- i
		check(<-down == "crash", "panicked")
	}
	took := time.Since(start)
	check(handled == crashes, "crashes")
	report("restart", crashes, took, "")
}

// timers: n timers pending, then all cancelled; then n timers that are due within 10 ms.
func timers(n []int64) {
	count := n[0]
	inOrder := make([]int, count)
	for i := range inOrder {
		inOrder[i] = i
	}
	insertAndCancel(inOrder) // fetches the memory
	insert, cancel := insertAndCancel(rand.New(rand.NewSource(3)).Perm(int(count)))
	fire := fireTimers(count)
	report("timers-insert", count, insert, "")
	report("timers-cancel", count, cancel, "")
	report("timers-fire", count, fire, "")
	report("timers", count, insert+cancel+fire, "")
}

func insertAndCancel(cancelOrder []int) (insert, cancel time.Duration) {
	random := rand.New(rand.NewSource(1))
	delays := make([]time.Duration, len(cancelOrder))
	for i := range delays {
		delays[i] = 100*time.Second + time.Duration(random.Int63n(int64(100*time.Second)))
	}
	pending := make([]*time.Timer, len(cancelOrder))
	start := time.Now()
	for i := range pending {
		pending[i] = time.AfterFunc(delays[i], func() { check(false, "fired too early") })
	}
	insert = time.Since(start)
	start = time.Now()
	for _, i := range cancelOrder {
		check(pending[i].Stop(), "cancelled before it fired")
	}
	cancel = time.Since(start)
	return insert, cancel
}

// fireTimers tries again with twice the time when not all were there before the first was due.
func fireTimers(count int64) time.Duration {
	lead := 50*time.Millisecond + time.Duration(1000*count)
	for {
		took, startedInTime := fireTimersAfter(lead, count)
		if startedInTime {
			return took
		}
		lead *= 2
	}
}

func fireTimersAfter(lead time.Duration, count int64) (took time.Duration, startedInTime bool) {
	random := rand.New(rand.NewSource(2))
	handled, all := int64(0), make(chan bool)
	firstDue := time.Now().Add(lead)
	for i := int64(0); i < count; i++ {
		due := firstDue.Add(time.Duration(random.Int63n(int64(10 * time.Millisecond))))
		time.AfterFunc(time.Until(due), func() {
			if atomic.AddInt64(&handled, 1) == count {
				all <- true
			}
		})
	}
	startedInTime = time.Now().Before(firstDue)
	<-all
	return time.Since(firstDue), startedInTime
}

// serveHello serves until it is killed; the size is the port.
func serveHello(n []int64) {
	hello := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Hello world!") }
	err := http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", n[0]), http.HandlerFunc(hello))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
