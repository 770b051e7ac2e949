// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

// Many actors: forkjoin, big, chameneos, idle-memory.

#include "bench.hpp"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <unistd.h>

namespace bench {

using namespace caf;

static std::atomic<int64_t> handled;

static void count_one() {
    handled.fetch_add(1, std::memory_order_relaxed);
}

// ---- forkjoin-create ----

static behavior short_lived(event_based_actor *self) {
    return {[=](int64_t) {
        count_one();
        self->quit();
    }};
}

void forkjoin_create(actor_system &system, const sizes &n) {
    int64_t actors = n[0];
    double start = now();
    for (int64_t i = 0; i < actors; i++) {
        anon_send(system.spawn(short_lived), i);
    }
    system.await_all_actors_done();
    double took = now() - start;
    check(handled == actors, "every actor handled its message");
    report("forkjoin-create", actors, took);
}

// ---- forkjoin-throughput ----

struct taker_state {
    int64_t received = 0;
    int64_t sum = 0;
};

static behavior taker(stateful_actor<taker_state> *self, int64_t expected, actor owner) {
    return {[=](int64_t value) {
        self->state.sum += value;
        if (++self->state.received == expected) {
            self->send(owner, self->state.sum);
            self->quit();
        }
    }};
}

using actors_ptr = std::shared_ptr<std::vector<actor>>;

static behavior driver(event_based_actor *self, actors_ptr takers, int64_t each) {
    return {[=](tick_atom) {
        for (int64_t i = 0; i < each; i++) {
            for (const actor &one : *takers) {
                self->send(one, i);
            }
        }
        self->quit();
    }};
}

void forkjoin_throughput(actor_system &system, const sizes &n) {
    int64_t actors = n[0];
    int64_t each = n[1];
    int64_t finished = 0;
    int64_t sum = 0;
    scoped_actor self{system};
    double start = now();
    auto takers = std::make_shared<std::vector<actor>>();
    for (int64_t i = 0; i < actors; i++) {
        takers->push_back(system.spawn(taker, each, actor{self}));
    }
    self->send(system.spawn(driver, takers, each), tick_atom::value);
    self->receive_while([&] { return finished < actors; })([&](int64_t part) {
        finished++;
        sum += part;
    });
    double took = now() - start;
    check(sum == actors * each * (each - 1) / 2, "sum of what was received");
    report("forkjoin-throughput", actors * each, took);
}

// ---- big ----

struct chatter_state {
    int64_t left = 0;
    int64_t served = 0;
    std::minstd_rand random;
};

using chatter_actor = stateful_actor<chatter_state>;

static void ping_somebody(chatter_actor *self, size_t id, const actors_ptr &peers) {
    size_t other = self->state.random() % (peers->size() - 1);
    if (other >= id) {
        other++;
    }
    self->send((*peers)[other], put_atom::value);
}

static behavior chatter(chatter_actor *self, size_t id, int64_t pings, actors_ptr peers,
                        actor owner) {
    self->state.left = pings;
    self->state.random.seed(id + 1);
    return {
        [=](tick_atom) { ping_somebody(self, id, peers); },
        [=](put_atom) {
            self->state.served++;
            return ok_atom::value;
        },
        [=](ok_atom) {
            if (--self->state.left > 0) {
                ping_somebody(self, id, peers);
            } else {
                self->send(owner, ok_atom::value);
            }
        },
        [=](get_atom) { return self->state.served; },
    };
}

void big(actor_system &system, const sizes &n) {
    int64_t actors = n[0];
    int64_t pings = n[1];
    int64_t finished = 0;
    int64_t served = 0;
    scoped_actor self{system};
    auto all = std::make_shared<std::vector<actor>>();
    for (int64_t i = 0; i < actors; i++) {
        all->push_back(system.spawn(chatter, i, pings, all, actor{self}));
    }
    double start = now();
    for (const actor &one : *all) {
        self->send(one, tick_atom::value);
    }
    self->receive_while([&] { return finished < actors; })([&](ok_atom) { finished++; });
    double took = now() - start;
    for (const actor &one : *all) {
        self->request(one, infinite, get_atom::value)
            .receive([&](int64_t part) { served += part; },
                     [](error &) { check(false, "request"); });
    }
    check(served == actors * pings, "pings served");
    report("big", actors * pings, took);
}

// ---- chameneos ----

static int32_t complement(int32_t a, int32_t b) {
    return a == b ? a : 3 - a - b;
}

struct creature_state {
    int32_t color = 0;
    int64_t met = 0;
};

using creature_actor = stateful_actor<creature_state>;

static void go_to(creature_actor *self, const actor &mall, int32_t color) {
    self->state.color = color;
    self->send(mall, color, actor{self});
}

static behavior creature(creature_actor *self, int32_t color, actor mall) {
    return {
        [=](tick_atom) { go_to(self, mall, color); },
        [=](int32_t other, const actor &partner) { // the mall brought us together
            self->state.met++;
            int32_t both = complement(self->state.color, other);
            self->send(partner, both);
            go_to(self, mall, both);
        },
        [=](int32_t both) { // our partner says what color we are now
            self->state.met++;
            go_to(self, mall, both);
        },
        [=](ok_atom) { // the mall is closed
            self->send(mall, self->state.met);
            self->quit();
        },
    };
}

struct mall_state {
    int64_t left = 0;
    int64_t faded = 0;
    int64_t met = 0;
    actor waiting;
};

static behavior mall(stateful_actor<mall_state> *self, int64_t meetings, int64_t creatures,
                     actor owner) {
    self->state.left = meetings;
    return {
        [=](int32_t color, const actor &guest) {
            mall_state &state = self->state;
            if (state.left == 0) {
                self->send(guest, ok_atom::value);
            } else if (!state.waiting) {
                state.waiting = guest;
            } else {
                state.left--;
                self->send(state.waiting, color, guest);
                state.waiting = nullptr;
            }
        },
        [=](int64_t met) {
            self->state.met += met;
            if (++self->state.faded == creatures) {
                self->send(owner, self->state.met);
                self->quit();
            }
        },
    };
}

void chameneos(actor_system &system, const sizes &n) {
    int64_t creatures = n[0];
    int64_t meetings = n[1];
    int64_t met = 0;
    scoped_actor self{system};
    actor place = system.spawn(mall, meetings, creatures, actor{self});
    std::vector<actor> all;
    for (int64_t i = 0; i < creatures; i++) {
        all.push_back(system.spawn(creature, static_cast<int32_t>(i % 3), place));
    }
    double start = now();
    for (const actor &one : all) {
        self->send(one, tick_atom::value);
    }
    self->receive([&](int64_t sum) { met = sum; });
    double took = now() - start;
    check(met == 2 * meetings, "meetings");
    report("chameneos", meetings, took);
}

// ---- idle-memory ----

static int64_t resident_bytes() {
    FILE *statm = fopen("/proc/self/statm", "r");
    long total = 0;
    long resident = 0;
    check(statm && fscanf(statm, "%ld %ld", &total, &resident) == 2, "/proc/self/statm");
    fclose(statm);
    return int64_t{resident} * sysconf(_SC_PAGESIZE);
}

static behavior idle(event_based_actor *) {
    return {[](int64_t) { count_one(); }};
}

void idle_memory(actor_system &system, const sizes &n) {
    int64_t actors = n[0];
    std::vector<actor> all(actors);
    int64_t before = resident_bytes();
    double start = now();
    for (int64_t i = 0; i < actors; i++) {
        all[i] = system.spawn(idle);
        anon_send(all[i], i);
    }
    while (handled < actors) {
        usleep(1000);
    }
    double took = now() - start;
    usleep(200000);
    check(handled == actors, "every actor handled its message");
    char extra[64];
    snprintf(extra, sizeof extra, " bytes_per_actor=%.1f",
             static_cast<double>(resident_bytes() - before) / actors);
    report("idle-memory", actors, took, extra);
    _exit(0); // with the actors in hand: dropping them would end each
}

} // namespace bench
