// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

package main

import (
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Many actors: forkjoin, big, chameneos, idle-memory.

func forkjoinCreate(n []int64) {
	actors := n[0]
	var handled int64
	var alive sync.WaitGroup
	start := time.Now()
	alive.Add(int(actors))
	for i := int64(0); i < actors; i++ {
		mailbox := make(chan int64, 1)
		go func() {
			<-mailbox
			atomic.AddInt64(&handled, 1)
			alive.Done()
		}()
		mailbox <- i
	}
	alive.Wait()
	took := time.Since(start)
	check(handled == actors, "every actor handled its message")
	report("forkjoin-create", actors, took, "")
}

func forkjoinThroughput(n []int64) {
	actors, each := n[0], n[1]
	start := time.Now()
	finished := make(chan int64, actors)
	mailboxes := make([]chan int64, actors)
	for i := range mailboxes {
		mailboxes[i] = make(chan int64, mailboxSize)
		go take(mailboxes[i], each, finished)
	}
	go func() {
		for i := int64(0); i < each; i++ {
			for _, mailbox := range mailboxes {
				mailbox <- i
			}
		}
	}()
	sum := int64(0)
	for range mailboxes {
		sum += <-finished
	}
	took := time.Since(start)
	check(sum == actors*each*(each-1)/2, "sum of what was received")
	report("forkjoin-throughput", actors*each, took, "")
}

func take(mailbox chan int64, count int64, finished chan int64) {
	sum := int64(0)
	for i := int64(0); i < count; i++ {
		sum += <-mailbox
	}
	finished <- sum
}

type bigKind int

const (
	ping bigKind = iota
	pong
	stop
)

type bigMessage struct {
	kind bigKind
	from int
}

func big(n []int64) {
	actors, pings := n[0], n[1]
	mailboxes := make([]chan bigMessage, actors)
	for i := range mailboxes {
		mailboxes[i] = make(chan bigMessage, 2*actors+2) // each actor has one ping in flight
	}
	finished, served := make(chan bool, actors), make(chan int64, actors)
	start := time.Now()
	for i := range mailboxes {
		go chat(i, mailboxes, pings, finished, served)
	}
	for range mailboxes {
		<-finished
	}
	took := time.Since(start)
	for _, mailbox := range mailboxes {
		mailbox <- bigMessage{kind: stop}
	}
	sum := int64(0)
	for range mailboxes {
		sum += <-served
	}
	check(sum == actors*pings, "pings served")
	report("big", actors*pings, took, "")
}

func chat(id int, mailboxes []chan bigMessage, left int64, finished chan bool, served chan int64) {
	random := rand.New(rand.NewSource(int64(id) + 1))
	pingSomebody := func() {
		other := random.Intn(len(mailboxes) - 1)
		if other >= id {
			other++
		}
		mailboxes[other] <- bigMessage{ping, id}
	}
	count := int64(0)
	pingSomebody()
	for message := range mailboxes[id] {
		switch message.kind {
		case ping:
			count++
			mailboxes[message.from] <- bigMessage{pong, id}
		case pong:
			left--
			if left > 0 {
				pingSomebody()
			} else {
				finished <- true
			}
		case stop:
			served <- count
			return
		}
	}
}

type chameneosKind int

const (
	meet chameneosKind = iota // to the mall: I want to meet; from the mall: meet this one
	change
	fade
	faded
)

type chameneosMessage struct {
	kind  chameneosKind
	color int
	from  chan chameneosMessage
	met   int64
}

func complement(a, b int) int {
	if a == b {
		return a
	}
	return 3 - a - b
}

func chameneos(n []int64) {
	creatures, meetings := n[0], n[1]
	mall, total := make(chan chameneosMessage, 2*creatures), make(chan int64)
	go runMall(mall, creatures, meetings, total)
	start := time.Now()
	for i := int64(0); i < creatures; i++ {
		go live(int(i%3), mall)
	}
	sum := <-total
	took := time.Since(start)
	check(sum == 2*meetings, "meetings")
	report("chameneos", meetings, took, "")
}

func runMall(mall chan chameneosMessage, creatures, left int64, total chan int64) {
	sum := int64(0)
	var waiting chan chameneosMessage
	for message := range mall {
		switch {
		case message.kind == faded:
			sum += message.met
			creatures--
			if creatures == 0 {
				total <- sum
				return
			}
		case left == 0:
			message.from <- chameneosMessage{kind: fade}
		case waiting == nil:
			waiting = message.from
		default:
			left--
			waiting <- message
			waiting = nil
		}
	}
}

func live(color int, mall chan chameneosMessage) {
	me := make(chan chameneosMessage, 4)
	met := int64(0)
	mall <- chameneosMessage{kind: meet, color: color, from: me}
	for message := range me {
		switch message.kind {
		case meet:
			color = complement(color, message.color)
			met++
			message.from <- chameneosMessage{kind: change, color: color}
			mall <- chameneosMessage{kind: meet, color: color, from: me}
		case change:
			color = message.color
			met++
			mall <- chameneosMessage{kind: meet, color: color, from: me}
		case fade:
			mall <- chameneosMessage{kind: faded, met: met}
			return
		}
	}
}

func idleMemory(n []int64) {
	actors := n[0]
	var handled int64
	mailboxes := make([]chan int64, actors)
	before := residentBytes()
	start := time.Now()
	for i := range mailboxes {
		mailbox := make(chan int64, 1)
		mailboxes[i] = mailbox
		go func() {
			for range mailbox {
				atomic.AddInt64(&handled, 1)
			}
		}()
		mailbox <- 1
	}
	for atomic.LoadInt64(&handled) < actors {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start)
	time.Sleep(200 * time.Millisecond)
	check(atomic.LoadInt64(&handled) == actors, "every actor handled its message")
	perActor := float64(residentBytes()-before) / float64(actors)
	report("idle-memory", actors, took, fmt.Sprintf(" bytes_per_actor=%.1f", perActor))
	runtime.KeepAlive(mailboxes)
}
