// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

package main

import (
	"sync/atomic"
	"time"
)

// A load beside which something else is measured: work of a known length, pairs that play until
// they are halted.

var sink uint64 // keeps the compiler from leaving work out

func work(rounds int64) {
	x := uint64(1)
	for i := int64(0); i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	if x == 0 {
		atomic.AddUint64(&sink, 1)
	}
}

// workRounds is how many rounds take so long.
func workRounds(took time.Duration) int64 {
	const rounds = 10000000
	best := time.Hour
	for i := 0; i < 5; i++ {
		start := time.Now()
		work(rounds)
		if took := time.Since(start); took < best {
			best = took
		}
	}
	return int64(took) * rounds / int64(best)
}

type pairsAtPlay struct {
	halted int32
	balls  []chan int64
}

func startChat(pairs int, work int64) *pairsAtPlay {
	c := &pairsAtPlay{}
	for i := 0; i < pairs; i++ {
		first, second, balls := make(chan bool, 1), make(chan bool, 1), make(chan int64, 2)
		first <- true
		go c.play(first, second, work, balls)
		go c.play(second, first, work, balls)
		c.balls = append(c.balls, balls)
	}
	return c
}

func (c *pairsAtPlay) play(mailbox, partner chan bool, rounds int64, played chan int64) {
	balls := int64(0)
	for range mailbox { // ends when halted, or when the partner has
		balls++
		if rounds > 0 {
			work(rounds)
		}
		if atomic.LoadInt32(&c.halted) != 0 {
			close(partner)
			break
		}
		partner <- true
	}
	played <- balls
}

// halt halts all pairs; how many balls were played until then.
func (c *pairsAtPlay) halt() int64 {
	atomic.StoreInt32(&c.halted, 1)
	sum := int64(0)
	for _, balls := range c.balls {
		first, second := <-balls, <-balls
		check(first-second <= 1 && second-first <= 1, "each got what the other sent")
		sum += first + second
	}
	return sum
}
