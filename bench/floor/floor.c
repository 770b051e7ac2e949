/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The floor: what the workloads cost as a single-threaded loop, without atomics, threads, bounds,
 * checks or safety. No actor runtime on this machine can pass a message for less; the distance to
 * it is the price of being one.
 *
 *     floor WORKLOAD SIZE...
 *
 * A message is a cache line from a freelist. An actor is a cache line with a queue of messages; a
 * send links the message into that queue and, when it was empty, the actor into the run queue. The
 * loop takes the next actor and calls its behavior, through a pointer, for each message that was
 * there when its turn began. Senders of many messages send 1,000 per turn, as those of Noh do. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1000 };

typedef struct actor actor;
typedef struct message message;

enum message_kind { VALUE, GO_ON, PING, PONG, MEET, CHANGE, FADE, FADED };

struct message {
    message *next;
    actor *from;
    int64_t value;
    int32_t kind;
    int32_t color;
    char unused[32]; /* to a cache line: what a payload of ordinary size makes of it */
};

/* Called for each message; the message is freed afterwards. */
typedef void behavior_fn(actor *self, const message *m);

struct actor {
    behavior_fn *behavior;
    message *first;
    message *last;
    actor *next_ready;
    actor *other;
    int64_t left;
    int64_t sum;
    uint32_t random;
    int32_t color;
};

_Static_assert(sizeof(message) == 64, "a message is one cache line");
_Static_assert(sizeof(actor) == 64, "an actor is one cache line");

static message *free_messages;
static actor *free_actors;
static actor *first_ready;
static actor *last_ready;

/* ---- the loop ----------------------------------------------------------------------------- */

static void *cache_lines(size_t count)
{
    void *lines = aligned_alloc(64, count * 64);
    if (lines == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return lines;
}

static message *message_new(void)
{
    if (free_messages == NULL) {
        enum { BLOCK = 1024 };
        message *block = cache_lines(BLOCK);
        for (size_t i = 0; i < BLOCK; i++) {
            block[i].next = free_messages;
            free_messages = &block[i];
        }
    }
    message *m = free_messages;
    free_messages = m->next;
    return m;
}

static void message_free(message *m)
{
    m->next = free_messages;
    free_messages = m;
}

static actor *actor_new(behavior_fn *behavior)
{
    if (free_actors == NULL) {
        enum { BLOCK = 1024 };
        actor *block = cache_lines(BLOCK);
        for (size_t i = 0; i < BLOCK; i++) {
            block[i].next_ready = free_actors;
            free_actors = &block[i];
        }
    }
    actor *a = free_actors;
    free_actors = a->next_ready;
    memset(a, 0, sizeof *a);
    a->behavior = behavior;
    return a;
}

/* An actor frees itself as the last thing it does: nothing may be queued for it. */
static void actor_free(actor *a)
{
    a->next_ready = free_actors;
    free_actors = a;
}

static void make_ready(actor *a)
{
    a->next_ready = NULL;
    if (first_ready == NULL) {
        first_ready = a;
    } else {
        last_ready->next_ready = a;
    }
    last_ready = a;
}

static inline void send(actor *to, message *m)
{
    m->next = NULL;
    if (to->first == NULL) {
        to->first = m;
        make_ready(to);
    } else {
        to->last->next = m;
    }
    to->last = m;
}

static inline void send_value(actor *from, actor *to, enum message_kind kind, int64_t value)
{
    message *m = message_new();
    m->from = from;
    m->kind = kind;
    m->value = value;
    send(to, m);
}

/* Runs until nobody has a message. The queue is taken out for the turn, so that what arrives during
 * it makes the actor ready anew. */
static void run(void)
{
    while (first_ready != NULL) {
        actor *a = first_ready;
        first_ready = a->next_ready;
        message *m = a->first;
        a->first = NULL;
        while (m != NULL) {
            message *next = m->next;
            a->behavior(a, m);
            message_free(m);
            m = next;
        }
    }
}

/* ---- what every workload needs ------------------------------------------------------------ */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "CHECK FAILED: %s\n", what);
        exit(1);
    }
}

static void report(const char *workload, int64_t n, double seconds, const char *extra)
{
    printf("workload=%s peer=floor n=%" PRId64 " seconds=%.6f rate=%.0f%s\n", workload, n, seconds,
           (double)n / seconds, extra);
}

static actor **actors_new(int64_t count, behavior_fn *behavior)
{
    actor **all = calloc((size_t)count, sizeof(actor *));
    check(all != NULL, "memory");
    for (int64_t i = 0; i < count; i++) {
        all[i] = actor_new(behavior);
    }
    return all;
}

/* ---- pingpong ----------------------------------------------------------------------------- */

static void on_pong(actor *self, const message *m)
{
    self->sum++;
    send_value(self, m->from, VALUE, m->value);
}

static void on_ping(actor *self, const message *m)
{
    if (m->value > 0) {
        send_value(self, self->other, VALUE, m->value - 1);
    }
}

static void pingpong(const int64_t *n)
{
    actor *ping = actor_new(on_ping);
    actor *pong = actor_new(on_pong);
    ping->other = pong;
    double start = now();
    send_value(NULL, ping, VALUE, n[0]);
    run();
    double took = now() - start;
    check(pong->sum == n[0], "pong saw every ball");
    report("pingpong", n[0], took, "");
}

/* ---- counting, mailbox-contention --------------------------------------------------------- */

static void on_add(actor *self, const message *m)
{
    self->sum += m->value;
}

static void on_produce(actor *self, const message *m)
{
    (void)m;
    for (int i = 0; i < CHUNK && self->left > 0; i++) {
        self->left--;
        send_value(self, self->other, VALUE, self->left);
    }
    if (self->left > 0) {
        send_value(self, self, GO_ON, 0);
    }
}

static void produce(const char *workload, int64_t producers, int64_t each)
{
    actor *consumer = actor_new(on_add);
    double start = now();
    for (int64_t i = 0; i < producers; i++) {
        actor *producer = actor_new(on_produce);
        producer->other = consumer;
        producer->left = each;
        send_value(NULL, producer, GO_ON, 0);
    }
    run();
    double took = now() - start;
    check(consumer->sum == producers * (each * (each - 1) / 2), "sum of what was received");
    report(workload, producers * each, took, "");
}

static void counting(const int64_t *n)
{
    produce("counting", 1, n[0]);
}

static void mailbox_contention(const int64_t *n)
{
    produce("mailbox-contention", n[0], n[1]);
}

/* ---- ring --------------------------------------------------------------------------------- */

/* `sum`: hops that ended here; `left`: tokens. */
static void on_token(actor *self, const message *m)
{
    self->sum++;
    if (m->value > 1) {
        send_value(self, self->other, VALUE, m->value - 1);
    } else {
        self->left++;
    }
}

static void ring(const int64_t *n)
{
    int64_t members = n[0], hops = n[1], tokens = n[2];
    check(hops % tokens == 0, "hops divide by tokens");
    actor **all = actors_new(members, on_token);
    for (int64_t i = 0; i < members; i++) {
        all[i]->other = all[(i + 1) % members];
    }
    double start = now();
    for (int64_t i = 0; i < tokens; i++) {
        send_value(NULL, all[i * members / tokens], VALUE, hops / tokens);
    }
    run();
    double took = now() - start;
    int64_t finished = 0, passed = 0;
    for (int64_t i = 0; i < members; i++) {
        finished += all[i]->left;
        passed += all[i]->sum;
    }
    check(finished == tokens && passed == hops, "tokens that finished, hops");
    report(tokens == 1 ? "ring" : "ring100", hops, took, "");
    free(all);
}

/* ---- forkjoin-create ---------------------------------------------------------------------- */

static int64_t handled;

static void on_only_message(actor *self, const message *m)
{
    handled += m->value;
    actor_free(self);
}

static void on_create(actor *self, const message *m)
{
    (void)m;
    for (int i = 0; i < CHUNK && self->left > 0; i++) {
        self->left--;
        send_value(self, actor_new(on_only_message), VALUE, 1);
    }
    if (self->left > 0) {
        send_value(self, self, GO_ON, 0);
    }
}

static void forkjoin_create(const int64_t *n)
{
    actor *parent = actor_new(on_create);
    parent->left = n[0];
    double start = now();
    send_value(NULL, parent, GO_ON, 0);
    run();
    double took = now() - start;
    check(handled == n[0], "every actor handled its message");
    report("forkjoin-create", n[0], took, "");
}

/* ---- forkjoin-throughput ------------------------------------------------------------------ */

static actor **takers;
static int64_t taker_count;

/* One message to each actor per turn. */
static void on_drive(actor *self, const message *m)
{
    (void)m;
    self->left--;
    for (int64_t i = 0; i < taker_count; i++) {
        send_value(self, takers[i], VALUE, self->left);
    }
    if (self->left > 0) {
        send_value(self, self, GO_ON, 0);
    }
}

static void forkjoin_throughput(const int64_t *n)
{
    int64_t actors = n[0], each = n[1], sum = 0;
    double start = now();
    taker_count = actors;
    takers = actors_new(actors, on_add);
    actor *driver = actor_new(on_drive);
    driver->left = each;
    send_value(NULL, driver, GO_ON, 0);
    run();
    double took = now() - start;
    for (int64_t i = 0; i < actors; i++) {
        sum += takers[i]->sum;
    }
    check(sum == actors * (each * (each - 1) / 2), "sum of what was received");
    report("forkjoin-throughput", actors * each, took, "");
    free(takers);
}

/* ---- big ---------------------------------------------------------------------------------- */

static actor **chatters;
static int64_t chatter_count;

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void ping_somebody(actor *self)
{
    actor *other;
    do {
        other = chatters[random_next(&self->random) % (uint32_t)chatter_count];
    } while (other == self);
    send_value(self, other, PING, 0);
}

static void on_chat(actor *self, const message *m)
{
    switch (m->kind) {
    case PING:
        self->sum++;
        send_value(self, m->from, PONG, 0);
        break;
    case PONG:
        self->left--;
        if (self->left > 0) {
            ping_somebody(self);
        }
        break;
    default:
        ping_somebody(self);
    }
}

static void big(const int64_t *n)
{
    int64_t actors = n[0], pings = n[1], served = 0;
    chatter_count = actors;
    chatters = actors_new(actors, on_chat);
    double start = now();
    for (int64_t i = 0; i < actors; i++) {
        chatters[i]->left = pings;
        chatters[i]->random = (uint32_t)i * 2654435761u + 1;
        send_value(NULL, chatters[i], GO_ON, 0);
    }
    run();
    double took = now() - start;
    for (int64_t i = 0; i < actors; i++) {
        check(chatters[i]->left == 0, "every ping was answered");
        served += chatters[i]->sum;
    }
    check(served == actors * pings, "pings served");
    report("big", actors * pings, took, "");
    free(chatters);
}

/* ---- chameneos ---------------------------------------------------------------------------- */

static actor *mall;

static int32_t complement(int32_t a, int32_t b)
{
    return a == b ? a : 3 - a - b;
}

static void send_color(actor *from, actor *to, enum message_kind kind, int32_t color)
{
    message *m = message_new();
    m->from = from;
    m->kind = kind;
    m->color = color;
    send(to, m);
}

static void on_creature(actor *self, const message *m)
{
    switch (m->kind) {
    case MEET: /* the mall passes on what our partner sent: it comes from the partner */
        self->color = complement(self->color, m->color);
        self->sum++;
        send_color(self, m->from, CHANGE, self->color);
        break;
    case CHANGE:
        self->color = m->color;
        self->sum++;
        break;
    case FADE:
        send_value(self, mall, FADED, self->sum);
        return;
    default:
        break;
    }
    send_color(self, mall, MEET, self->color);
}

/* `other` is the creature that waits, `left` the meetings left, `sum` those that creatures had. */
static void on_mall(actor *self, const message *m)
{
    if (m->kind == FADED) {
        self->sum += m->value;
    } else if (self->left == 0) {
        send_value(self, m->from, FADE, 0);
    } else if (self->other == NULL) {
        self->other = m->from;
    } else {
        self->left--;
        send_color(m->from, self->other, MEET, m->color);
        self->other = NULL;
    }
}

static void chameneos(const int64_t *n)
{
    int64_t creatures = n[0], meetings = n[1];
    mall = actor_new(on_mall);
    mall->left = meetings;
    double start = now();
    for (int64_t i = 0; i < creatures; i++) {
        actor *creature = actor_new(on_creature);
        creature->color = (int32_t)(i % 3);
        send_value(NULL, creature, GO_ON, 0);
    }
    run();
    double took = now() - start;
    check(mall->sum == 2 * meetings, "meetings");
    report("chameneos", meetings, took, "");
}

/* ---- idle-memory -------------------------------------------------------------------------- */

static int64_t resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;
    check(statm != NULL && fscanf(statm, "%ld %ld", &total, &resident) == 2, "/proc/self/statm");
    fclose(statm);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static void idle_memory(const int64_t *n)
{
    int64_t before = resident_bytes();
    double start = now();
    actor *all = cache_lines((size_t)n[0]);
    for (int64_t i = 0; i < n[0]; i++) {
        all[i] = (actor){.behavior = on_add};
        send_value(NULL, &all[i], VALUE, i);
        run();
    }
    double took = now() - start;
    char extra[64];
    snprintf(extra, sizeof extra, " bytes_per_actor=%.1f",
             (double)(resident_bytes() - before) / (double)n[0]);
    for (int64_t i = 0; i < n[0]; i++) {
        check(all[i].sum == i, "message handled");
    }
    report("idle-memory", n[0], took, extra);
    free(all);
}

/* ---- main --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int size_count;
    void (*run)(const int64_t *n);
} workloads[] = {
    {"pingpong", 1, pingpong},
    {"counting", 1, counting},
    {"ring", 3, ring},
    {"ring100", 3, ring},
    {"forkjoin-create", 1, forkjoin_create},
    {"forkjoin-throughput", 2, forkjoin_throughput},
    {"big", 2, big},
    {"chameneos", 2, chameneos},
    {"mailbox-contention", 2, mailbox_contention},
    {"idle-memory", 1, idle_memory},
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            int64_t n[3] = {0};
            check(argc == 2 + workloads[i].size_count, "number of sizes");
            for (int at = 0; at < workloads[i].size_count; at++) {
                n[at] = atoll(argv[2 + at]);
            }
            workloads[i].run(n);
            return 0;
        }
    }
    fprintf(stderr, "not written for the floor: %s\n", name);
    return 3;
}
