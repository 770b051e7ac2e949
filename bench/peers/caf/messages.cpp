// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

// Messages to few actors, along fixed ways: pingpong, counting, ring, mailbox-contention.

#include "bench.hpp"

namespace bench {

using namespace caf;

// ---- pingpong ----

struct pong_state {
    int64_t seen = 0;
};

static behavior pong(stateful_actor<pong_state> *self) {
    return {
        [=](int64_t ball) {
            self->state.seen++;
            return ball;
        },
        [=](get_atom) { return self->state.seen; },
    };
}

static behavior ping(event_based_actor *self, actor pong, actor owner) {
    return {
        [=](put_atom, int64_t rounds) { self->send(pong, rounds); },
        [=](int64_t ball) {
            if (ball > 1) {
                self->send(pong, ball - 1);
            } else {
                self->send(owner, ok_atom::value);
            }
        },
    };
}

void pingpong(actor_system &system, const sizes &n) {
    int64_t rounds = n[0];
    scoped_actor self{system};
    actor one = system.spawn(pong);
    actor other = system.spawn(ping, one, actor{self});
    double start = now();
    self->send(other, put_atom::value, rounds);
    self->receive([](ok_atom) {});
    double took = now() - start;
    int64_t seen = 0;
    self->request(one, infinite, get_atom::value)
        .receive([&](int64_t count) { seen = count; }, [](error &) { check(false, "request"); });
    check(seen == rounds, "pong saw every ball");
    report("pingpong", rounds, took);
}

// ---- counting ----

struct sum_state {
    int64_t sum = 0;
    int64_t received = 0;
};

static behavior counter(stateful_actor<sum_state> *self) {
    return {
        [=](int64_t value) { self->state.sum += value; },
        [=](get_atom) { return self->state.sum; },
    };
}

static behavior adder(event_based_actor *self, actor counter, int64_t adds, actor owner) {
    return {[=](tick_atom) {
        for (int64_t i = 0; i < adds; i++) {
            self->send(counter, int64_t{1});
        }
        self->request(counter, infinite, get_atom::value).then([=](int64_t total) {
            self->send(owner, total);
            self->quit();
        });
    }};
}

void counting(actor_system &system, const sizes &n) {
    int64_t adds = n[0];
    int64_t total = 0;
    scoped_actor self{system};
    actor sink = system.spawn(counter);
    actor source = system.spawn(adder, sink, adds, actor{self});
    double start = now();
    self->send(source, tick_atom::value);
    self->receive([&](int64_t answer) { total = answer; });
    double took = now() - start;
    check(total == adds, "total");
    report("counting", adds, took);
}

// ---- ring ----

struct member_state {
    actor next;
    int64_t passed = 0;
};

static behavior member(stateful_actor<member_state> *self, actor owner) {
    return {
        [=](int64_t hops) {
            self->state.passed++;
            if (hops > 1) {
                self->send(self->state.next, hops - 1);
            } else {
                self->send(owner, ok_atom::value);
            }
        },
        [=](put_atom, actor next) { self->state.next = next; },
        [=](get_atom) { return self->state.passed; },
    };
}

void ring(actor_system &system, const sizes &n) {
    int64_t members = n[0];
    int64_t hops = n[1];
    int64_t tokens = n[2];
    int64_t per_token = hops / tokens;
    check(per_token * tokens == hops, "hops divide by tokens");
    scoped_actor self{system};
    std::vector<actor> all;
    for (int64_t i = 0; i < members; i++) {
        all.push_back(system.spawn(member, actor{self}));
    }
    for (int64_t i = 0; i < members; i++) {
        self->send(all[i], put_atom::value, all[(i + 1) % members]);
    }
    int64_t finished = 0;
    double start = now();
    for (int64_t i = 0; i < tokens; i++) {
        self->send(all[i * members / tokens], per_token);
    }
    self->receive_while([&] { return finished < tokens; })([&](ok_atom) { finished++; });
    double took = now() - start;
    int64_t passed = 0;
    for (const actor &one : all) {
        self->request(one, infinite, get_atom::value)
            .receive([&](int64_t part) { passed += part; },
                     [](error &) { check(false, "request"); });
    }
    check(passed == hops, "hops");
    report(tokens == 1 ? "ring" : "ring100", hops, took);
}

// ---- mailbox-contention ----

static behavior consumer(stateful_actor<sum_state> *self, int64_t expected, actor owner) {
    return {[=](int64_t value) {
        self->state.sum += value;
        if (++self->state.received == expected) {
            self->send(owner, self->state.sum);
        }
    }};
}

static behavior producer(event_based_actor *self, actor consumer, int64_t count) {
    return {[=](tick_atom) {
        for (int64_t i = 0; i < count; i++) {
            self->send(consumer, i);
        }
        self->quit();
    }};
}

void mailbox_contention(actor_system &system, const sizes &n) {
    int64_t producers = n[0];
    int64_t each = n[1];
    int64_t sum = 0;
    scoped_actor self{system};
    actor sink = system.spawn(consumer, producers * each, actor{self});
    std::vector<actor> sources;
    for (int64_t i = 0; i < producers; i++) {
        sources.push_back(system.spawn(producer, sink, each));
    }
    double start = now();
    for (const actor &source : sources) {
        self->send(source, tick_atom::value);
    }
    self->receive([&](int64_t answer) { sum = answer; });
    double took = now() - start;
    check(sum == producers * each * (each - 1) / 2, "sum of what was received");
    report("mailbox-contention", producers * each, took);
}

} // namespace bench
