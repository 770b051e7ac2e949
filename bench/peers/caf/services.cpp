// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

// What a runtime offers beside messages: ask, restart.

#include "bench.hpp"

namespace bench {

using namespace caf;

static behavior echo(event_based_actor *) {
    return {[](int64_t value) { return value; }};
}

// ---- ask, from a plain thread ----

void ask(actor_system &system, const sizes &n) {
    int64_t asks = n[0];
    int64_t sum = 0;
    actor server = system.spawn(echo);
    scoped_actor self{system};
    double start = now();
    for (int64_t i = 0; i < asks; i++) {
        self->request(server, infinite, i)
            .receive([&](int64_t answer) { sum += answer; },
                     [](error &) { check(false, "request"); });
    }
    double took = now() - start;
    check(sum == asks * (asks - 1) / 2, "answers");
    report("ask", asks, took);
}

// ---- ask inside an actor ----

struct asker_state {
    int64_t asked = 0;
    int64_t sum = 0;
};

static void ask_next(stateful_actor<asker_state> *self, actor server, int64_t asks, actor owner) {
    if (self->state.asked == asks) {
        self->send(owner, self->state.sum);
        return;
    }
    self->request(server, infinite, self->state.asked++).then([=](int64_t answer) {
        self->state.sum += answer;
        ask_next(self, server, asks, owner);
    });
}

static behavior asker(stateful_actor<asker_state> *self, actor server, int64_t asks, actor owner) {
    return {[=](tick_atom) { ask_next(self, server, asks, owner); }};
}

void ask_in_actor(actor_system &system, const sizes &n) {
    int64_t asks = n[0];
    int64_t sum = 0;
    scoped_actor self{system};
    actor one = system.spawn(asker, system.spawn(echo), asks, actor{self});
    double start = now();
    self->send(one, tick_atom::value);
    self->receive([&](int64_t answer) { sum = answer; });
    double took = now() - start;
    check(sum == asks * (asks - 1) / 2, "answers");
    report("ask-in-actor", asks, took);
}

// ---- restart: CAF has no supervisor; a parent monitors its child and spawns it anew ----

static behavior crasher(event_based_actor *self) {
    return {[=](tick_atom) { self->quit(make_error(sec::runtime_error)); }};
}

struct parent_state {
    int64_t crashes = 0;
};

static void spawn_child(event_based_actor *self) {
    self->send(self->spawn<monitored>(crasher), tick_atom::value);
}

static behavior parent(stateful_actor<parent_state> *self, int64_t crashes, actor owner) {
    self->set_down_handler([=](const down_msg &down) {
        check(down.reason == sec::runtime_error, "why the child ended");
        if (++self->state.crashes < crashes) {
            spawn_child(self);
        } else {
            self->send(owner, self->state.crashes);
        }
    });
    return {[=](tick_atom) { spawn_child(self); }};
}

void restart(actor_system &system, const sizes &n) {
    int64_t crashes = n[0];
    int64_t seen = 0;
    scoped_actor self{system};
    actor one = system.spawn(parent, crashes, actor{self});
    double start = now();
    self->send(one, tick_atom::value);
    self->receive([&](int64_t count) { seen = count; });
    double took = now() - start;
    check(seen == crashes, "crashes");
    report("restart", crashes, took);
}

} // namespace bench
