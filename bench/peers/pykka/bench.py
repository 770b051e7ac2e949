#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
"""The Pykka peer: bench WORKLOAD SIZE...

Each actor is a thread with a queue, so the sizes must be small: a few hundred actors.
"""
import os
import queue
import random
import sys
import time

from pykka import ActorRegistry, ThreadingActor


def check(ok, what):
    """Ends the program when a workload computed the wrong result."""
    if not ok:
        print("CHECK FAILED:", what, file=sys.stderr, flush=True)
        os._exit(1)


def report(workload, n, seconds, extra=""):
    """Prints the one line that the driver reads."""
    rate = n / seconds
    print(f"workload={workload} peer=pykka n={n} seconds={seconds:.6f} rate={rate:.0f}{extra}")


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


now = time.perf_counter

# ---- pingpong ----


class Pong(ThreadingActor):
    def __init__(self):
        super().__init__()
        self.seen = 0

    def on_receive(self, message):
        if message == "get seen":
            return self.seen
        sender, ball = message
        self.seen += 1
        sender.tell(ball)


class Ping(ThreadingActor):
    def __init__(self, pong, finished):
        super().__init__()
        self.pong = pong
        self.finished = finished

    def on_receive(self, left):
        if left > 0:
            self.pong.tell((self.actor_ref, left - 1))
        else:
            self.finished.put(True)


def pingpong(rounds):
    finished = queue.Queue()
    pong = Pong.start()
    ping = Ping.start(pong, finished)
    start = now()
    ping.tell(rounds)
    finished.get()
    took = now() - start
    check(pong.ask("get seen") == rounds, "pong saw every ball")
    report("pingpong", rounds, took)


# ---- counting ----


class Counter(ThreadingActor):
    def __init__(self):
        super().__init__()
        self.total = 0

    def on_receive(self, message):
        if message == "get total":
            return self.total
        self.total += message


class Adder(ThreadingActor):
    def on_receive(self, message):
        counter, adds = message
        for _ in range(adds):
            counter.tell(1)
        return counter.ask("get total")


def counting(adds):
    counter = Counter.start()
    adder = Adder.start()
    start = now()
    total = adder.ask((counter, adds))
    took = now() - start
    check(total == adds, "total")
    report("counting", adds, took)


# ---- ring ----


class Member(ThreadingActor):
    def __init__(self, finished):
        super().__init__()
        self.next = None
        self.passed = 0
        self.finished = finished

    def on_receive(self, message):
        if message == "get passed":
            return self.passed
        if not isinstance(message, int):
            self.next = message
            return None
        self.passed += 1
        if message > 1:
            self.next.tell(message - 1)
        else:
            self.finished.put(True)
        return None


def ring(members, hops, tokens):
    check(hops % tokens == 0, "hops divide by tokens")
    finished = queue.Queue()
    everyone = [Member.start(finished) for _ in range(members)]
    for i, member in enumerate(everyone):
        member.ask(everyone[(i + 1) % members])
    start = now()
    for i in range(tokens):
        everyone[i * members // tokens].tell(hops // tokens)
    for _ in range(tokens):
        finished.get()
    took = now() - start
    check(sum(member.ask("get passed") for member in everyone) == hops, "hops")
    report("ring" if tokens == 1 else "ring100", hops, took)


# ---- forkjoin-create ----


class ShortLived(ThreadingActor):
    def on_receive(self, handled):
        handled.put(1)
        self.stop()


def forkjoin_create(actors):
    handled = queue.Queue()
    start = now()
    for _ in range(actors):
        ShortLived.start().tell(handled)
    while ActorRegistry.get_all():
        time.sleep(0.0005)
    took = now() - start
    check(handled.qsize() == actors, "every actor handled its message")
    report("forkjoin-create", actors, took)


# ---- forkjoin-throughput, mailbox-contention ----


class Taker(ThreadingActor):
    def __init__(self, expected, finished):
        super().__init__()
        self.left = expected
        self.sum = 0
        self.finished = finished

    def on_receive(self, value):
        self.sum += value
        self.left -= 1
        if self.left == 0:
            self.finished.put(self.sum)


def forkjoin_throughput(actors, each):
    finished = queue.Queue()
    start = now()
    takers = [Taker.start(each, finished) for _ in range(actors)]
    for i in range(each):
        for taker in takers:
            taker.tell(i)
    total = sum(finished.get() for _ in takers)
    took = now() - start
    check(total == actors * each * (each - 1) // 2, "sum of what was received")
    report("forkjoin-throughput", actors * each, took)


class Producer(ThreadingActor):
    def on_receive(self, message):
        consumer, each = message
        for i in range(each):
            consumer.tell(i)


def mailbox_contention(producers, each):
    finished = queue.Queue()
    consumer = Taker.start(producers * each, finished)
    everyone = [Producer.start() for _ in range(producers)]
    start = now()
    for producer in everyone:
        producer.tell((consumer, each))
    total = finished.get()
    took = now() - start
    check(total == producers * each * (each - 1) // 2, "sum of what was received")
    report("mailbox-contention", producers * each, took)


# ---- big ----


class Chatter(ThreadingActor):
    def __init__(self, seed, pings, finished):
        super().__init__()
        self.random = random.Random(seed)
        self.left = pings
        self.served = 0
        self.finished = finished
        self.others = []

    def on_receive(self, message):
        if isinstance(message, list):
            self.others = [other for other in message if other != self.actor_ref]
            self.ping_somebody()
        elif message == "pong":
            self.left -= 1
            if self.left > 0:
                self.ping_somebody()
            else:
                self.finished.put(True)
        elif message == "get served":
            return self.served
        else:
            self.served += 1
            message.tell("pong")

    def ping_somebody(self):
        self.random.choice(self.others).tell(self.actor_ref)


def big(actors, pings):
    finished = queue.Queue()
    everyone = [Chatter.start(i, pings, finished) for i in range(actors)]
    start = now()
    for chatter in everyone:
        chatter.tell(everyone)
    for _ in everyone:
        finished.get()
    took = now() - start
    served = sum(chatter.ask("get served") for chatter in everyone)
    check(served == actors * pings, "pings served")
    report("big", actors * pings, took)


# ---- chameneos ----


class Mall(ThreadingActor):
    def __init__(self, meetings, creatures, finished):
        super().__init__()
        self.left = meetings
        self.creatures = creatures
        self.met = 0
        self.waiting = None
        self.finished = finished

    def on_receive(self, message):
        kind, value, guest = message
        if kind == "faded":
            self.met += value
            self.creatures -= 1
            if self.creatures == 0:
                self.finished.put(self.met)
        elif self.left == 0:
            guest.tell(("fade", None, None))
        elif self.waiting is None:
            self.waiting = guest
        else:
            self.left -= 1
            self.waiting.tell(("meet", value, guest))
            self.waiting = None


def complement(a, b):
    return a if a == b else 3 - a - b


class Creature(ThreadingActor):
    def __init__(self, color, mall):
        super().__init__()
        self.color = color
        self.mall = mall
        self.met = 0

    def on_receive(self, message):
        kind, color, partner = message
        if kind == "fade":
            self.mall.tell(("faded", self.met, None))
            return
        if kind == "meet":
            color = complement(self.color, color)
            partner.tell(("change", color, None))
        if kind != "go":
            self.color = color
            self.met += 1
        self.mall.tell(("meet", self.color, self.actor_ref))


def chameneos(creatures, meetings):
    finished = queue.Queue()
    mall = Mall.start(meetings, creatures, finished)
    everyone = [Creature.start(i % 3, mall) for i in range(creatures)]
    start = now()
    for creature in everyone:
        creature.tell(("go", None, None))
    met = finished.get()
    took = now() - start
    check(met == 2 * meetings, "meetings")
    report("chameneos", meetings, took)


# ---- idle-memory ----


class Echo(ThreadingActor):
    def on_receive(self, message):
        return message


def idle_memory(actors):
    before = resident_bytes()
    start = now()
    everyone = [Echo.start() for _ in range(actors)]
    for i, one in enumerate(everyone):
        check(one.ask(i) == i, "answer")
    took = now() - start
    per_actor = (resident_bytes() - before) / actors
    report("idle-memory", actors, took, f" bytes_per_actor={per_actor:.1f}")


# ---- ask ----


def ask(asks):
    server = Echo.start()
    start = now()
    total = sum(server.ask(i) for i in range(asks))
    took = now() - start
    check(total == asks * (asks - 1) // 2, "answers")
    report("ask", asks, took)


class Asker(ThreadingActor):
    def on_receive(self, message):
        server, asks = message
        return sum(server.ask(i) for i in range(asks))


def ask_in_actor(asks):
    server = Echo.start()
    asker = Asker.start()
    start = now()
    total = asker.ask((server, asks))
    took = now() - start
    check(total == asks * (asks - 1) // 2, "answers")
    report("ask-in-actor", asks, took)


WORKLOADS = {
    "pingpong": pingpong,
    "counting": counting,
    "ring": ring,
    "ring100": ring,
    "forkjoin-create": forkjoin_create,
    "forkjoin-throughput": forkjoin_throughput,
    "big": big,
    "chameneos": chameneos,
    "mailbox-contention": mailbox_contention,
    "idle-memory": idle_memory,
    "ask": ask,
    "ask-in-actor": ask_in_actor,
}


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in WORKLOADS:
        print("not written for Pykka:", name, file=sys.stderr)
        sys.exit(3)
    WORKLOADS[name](*(int(size) for size in sys.argv[2:]))
    sys.stdout.flush()
    os._exit(0)  # do not wait for actors that are idle


if __name__ == "__main__":
    main()
