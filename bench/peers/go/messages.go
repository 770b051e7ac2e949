// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

package main

import (
	"fmt"
	"runtime"
	"time"
)

// Messages along fixed ways: pingpong, groups, counting, ring, mailbox-contention, inject.

func pingpong(n []int64) {
	rounds := n[0]
	toPong, toPing, seen := make(chan int64, 1), make(chan int64, 1), make(chan int64)
	go func() {
		count := int64(0)
		for ball := range toPong {
			count++
			toPing <- ball
		}
		seen <- count
	}()
	start := time.Now()
	go func() {
		for i := int64(0); i < rounds; i++ {
			toPong <- i
			<-toPing
		}
		close(toPong)
	}()
	count := <-seen
	took := time.Since(start)
	check(count == rounds, "pong saw every ball")
	report("pingpong", rounds, took, "")
}

// groups: independent pairs, each with a ball of its own.
func groups(n []int64) {
	pairs, rounds := n[0], n[1]
	finished := make(chan int64, pairs)
	start := time.Now()
	for i := int64(0); i < pairs; i++ {
		toPong, toPing := make(chan int64, 1), make(chan int64, 1)
		go func() {
			for ball := range toPong {
				toPing <- ball
			}
		}()
		go func() {
			played := int64(0)
			for i := int64(0); i < rounds; i++ {
				toPong <- i
				<-toPing
				played++
			}
			close(toPong)
			finished <- played
		}()
	}
	played := int64(0)
	for i := int64(0); i < pairs; i++ {
		played += <-finished
	}
	took := time.Since(start)
	check(played == pairs*rounds, "every ball came back")
	report("groups", played, took, "")
}

const askTotal = -1 // a value that asks the counter for its total

func counting(n []int64) {
	adds := n[0]
	mailbox, total := make(chan int64, mailboxSize), make(chan int64)
	go func() {
		sum := int64(0)
		for value := range mailbox {
			if value == askTotal { // travels behind the values, in the same mailbox
				total <- sum
				return
			}
			sum += value
		}
	}()
	start := time.Now()
	go func() {
		for i := int64(0); i < adds; i++ {
			mailbox <- 1
		}
		mailbox <- askTotal
	}()
	sum := <-total
	took := time.Since(start)
	check(sum == adds, "total")
	report("counting", adds, took, "")
}

func ring(n []int64) {
	members, hops, tokens := n[0], n[1], n[2]
	perToken := hops / tokens
	check(perToken*tokens == hops, "hops divide by tokens")
	finished, passed := make(chan bool, tokens), make(chan int64, members)
	mailboxes := make([]chan int64, members)
	for i := range mailboxes {
		mailboxes[i] = make(chan int64, tokens)
	}
	for i := range mailboxes {
		go passOn(mailboxes[i], mailboxes[(i+1)%len(mailboxes)], finished, passed)
	}
	start := time.Now()
	for i := int64(0); i < tokens; i++ {
		mailboxes[i*members/tokens] <- perToken
	}
	for i := int64(0); i < tokens; i++ {
		<-finished
	}
	took := time.Since(start)
	sum := int64(0)
	for _, mailbox := range mailboxes {
		close(mailbox)
		sum += <-passed
	}
	check(sum == hops, "hops")
	name := "ring"
	if tokens > 1 {
		name = "ring100"
	}
	report(name, hops, took, "")
}

func passOn(mailbox, next chan int64, finished chan bool, passed chan int64) {
	count := int64(0)
	for hops := range mailbox {
		count++
		if hops > 1 {
			next <- hops - 1
		} else {
			finished <- true
		}
	}
	passed <- count
}

func mailboxContention(n []int64) {
	producers, each := n[0], n[1]
	mailbox, received := make(chan int64, mailboxSize), make(chan int64)
	go func() {
		sum := int64(0)
		for i := int64(0); i < producers*each; i++ {
			sum += <-mailbox
		}
		received <- sum
	}()
	start := time.Now()
	for i := int64(0); i < producers; i++ {
		go func() {
			for j := int64(0); j < each; j++ {
				mailbox <- j
			}
		}()
	}
	sum := <-received
	took := time.Since(start)
	check(sum == producers*each*(each-1)/2, "sum of what was received")
	report("mailbox-contention", producers*each, took, "")
}

// inject: goroutines that are locked to threads of their own send as fast as they can.
func inject(n []int64) {
	for _, sinks := range []int{1, 64} {
		for _, threads := range []int{1, 2, 4, 8} {
			injectFrom(threads, sinks, n[0])
		}
	}
}

func injectFrom(threads, sinks int, messages int64) {
	each := messages / int64(threads)
	mailboxes, totals := make([]chan int64, sinks), make(chan int64, sinks)
	for i := range mailboxes {
		mailbox := make(chan int64, mailboxSize)
		mailboxes[i] = mailbox
		go func() {
			total := int64(0)
			for value := range mailbox {
				total += value
			}
			totals <- total
		}()
	}
	start := time.Now()
	finished := make(chan bool, threads)
	for i := 0; i < threads; i++ {
		go func() {
			runtime.LockOSThread()
			for i := int64(0); i < each; i++ {
				mailboxes[i%int64(sinks)] <- i
			}
			finished <- true
		}()
	}
	for i := 0; i < threads; i++ {
		<-finished
	}
	sum := int64(0)
	for _, mailbox := range mailboxes {
		close(mailbox)
		sum += <-totals
	}
	took := time.Since(start)
	check(sum == int64(threads)*(each*(each-1)/2), "sum of what was received")
	name := map[bool]string{true: "one", false: "many"}[sinks == 1]
	report(fmt.Sprintf("inject-%s-%d", name, threads), int64(threads)*each, took, "")
}
