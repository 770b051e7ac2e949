/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: actors that come and go in all ways at once lose no message, no box and no memory, and
 * each runs its hooks once.
 * Method: cells spawn, tell, ask, stop and kill each other at random, exit and fail, by return and
 * by noh_fail from a depth; their hooks send. Plain threads do the same from outside and join.
 * Boxes and shared payloads travel with the messages and are counted. At the end the ledger must
 * balance exactly, every hook of every cell must be accounted for, and nothing may be left. */
#include "stress.h"

enum { BOARD = 512, THREADS = 3 };

NOH_MESSAGE(obituary, (uint32_t, kind));
NOH_MESSAGE(work, (uint64_t, bits), (noh_box, box), (noh_shared_ptr, shared));
NOH_MESSAGE(result, (uint64_t, bits), (noh_text, text));
NOH_REQUEST(job, result, (uint64_t, bits), (noh_text, text));

static struct {
    atomic_ullong refs[BOARD];
    atomic_llong budget; /* actions left */
    atomic_ullong spawned;
    atomic_ullong started;
    atomic_ullong stopped; /* stop hooks */
    atomic_ullong failed;  /* failure hooks */
    atomic_ullong obituaries;
    atomic_llong boxes;
    atomic_llong shared;
    atomic_ullong asked;
    atomic_ullong answered;
    noh_ref registrar;
} world;

static void count(atomic_ullong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static noh_ref somebody(uint64_t bits)
{
    return (noh_ref){atomic_load_explicit(&world.refs[bits % BOARD], memory_order_relaxed)};
}

static void drop_box(void *data, size_t size)
{
    CHECK_EQ(size, 24);
    free(data);
    atomic_fetch_sub(&world.boxes, 1);
}

static void drop_shared(void *data, size_t size)
{
    CHECK_EQ(size, 8);
    free(data);
    atomic_fetch_sub(&world.shared, 1);
}

static void tell_work(noh_self *self, noh_ref to, uint64_t bits)
{
    work w = {.bits = bits};
    if (bits % 8 == 0) {
        w.box = (noh_box){malloc(24), 24, drop_box};
        atomic_fetch_add(&world.boxes, 1);
    }
    if (bits % 16 == 1) {
        void *data = malloc(8);
        atomic_fetch_add(&world.shared, 1);
        CHECK_OK(noh_shared_new(data, 8, drop_shared, &w.shared));
    }
    noh_err err = noh_tell_value(self, to, NOH_TYPE(work), &w);
    if (err != NOH_OK) {
        CHECK_ERR(err, NOH_E_GONE);
        if (w.box.drop != NULL) { /* it stays with the caller */
            w.box.drop(w.box.data, w.box.size);
        }
    }
    noh_shared_release(w.shared);
}

/* ---- cells -------------------------------------------------------------------------------- */

/* Too large for its slot, so that there is memory to forget. */
typedef struct cell {
    uint64_t chance;
    uint64_t open;
    bool started;
    bool ended;
    char ballast[64];
} cell;

NOH_MESSAGE(cell_start, (uint64_t, chance));

extern const noh_behavior noh_behavior_cell;

static void spawn_cell(noh_self *self, uint64_t bits)
{
    noh_ref ref;
    noh_err err = noh_spawn_with(
        self, &noh_behavior_cell, NOH_VALUE(cell_start, .chance = bits),
        (bits >> 40) % 4 == 0 ? &(noh_spawn_options){.mailbox_max = 1000} : NULL, &ref);
    if (err != NOH_OK) {
        CHECK_ERR(err, NOH_E_STOPPING);
        return;
    }
    count(&world.spawned);
    noh_ref old = {atomic_exchange(&world.refs[(bits >> 20) % BOARD], ref.bits)};
    (void)noh_stop(self, old, (noh_stop_kind)((bits >> 42) % 3)); /* nobody would find it again */
}

static noh_err on_cell_start(noh_self *self, cell *me, const cell_start *start)
{
    me->chance = start->chance;
    me->started = true;
    count(&world.started);
    tell_work(self, somebody(me->chance >> 8), test_random(&me->chance));
    return (start->chance >> 50) % 64 == 0 ? NOH_E_FAILED : NOH_OK;
}

static void fail_deeply(noh_self *self, unsigned depth)
{
    volatile char frame[64];
    frame[depth] = 1;
    if (depth > 0) {
        fail_deeply(self, depth - 1);
    }
    noh_fail(self, NOH_E_FAILED, "deep %d", frame[depth]);
}

static void ask_somebody(noh_self *self, cell *me, uint64_t bits)
{
    noh_future future;
    if (noh_ask(self, somebody(bits), job, &future, .bits = bits, .text = "job") == NOH_OK) {
        count(&world.asked);
        me->open++;
    }
}

static void stop_somebody(noh_self *self, uint64_t bits)
{
    noh_stop_kind kind = (noh_stop_kind)((bits >> 8) % 3);
    noh_err err = noh_stop(self, somebody(bits >> 10), kind);
    CHECK(err == NOH_OK || err == NOH_E_GONE || err == NOH_E_CONTEXT);
}

static noh_err act(noh_self *self, cell *me, uint64_t bits)
{
    CHECK(me->started && !me->ended);
    if (atomic_fetch_sub_explicit(&world.budget, 1, memory_order_relaxed) <= 0) {
        return NOH_OK;
    }
    uint64_t own = test_random(&me->chance);
    tell_work(self, somebody(own), test_random(&me->chance));
    switch (bits % 16) {
    case 0:
    case 1:
    case 2:
        spawn_cell(self, own);
        spawn_cell(self, test_random(&me->chance));
        break;
    case 3:
    case 4:
        ask_somebody(self, me, own >> 4);
        break;
    case 5:
        stop_somebody(self, own);
        break;
    case 6:
        return noh_exit_self(self);
    case 7:
        if ((own >> 30) % 8 == 0) {
            fail_deeply(self, 5);
        }
        break;
    case 8:
        return (own >> 30) % 8 == 0 ? NOH_E_FAILED : NOH_OK;
    case 9:
        stress_busy((own >> 30) % 3000);
        break;
    default:
        break;
    }
    return NOH_OK;
}

static noh_err on_work(noh_self *self, cell *me, const work *message)
{
    if (message->box.drop != NULL && message->bits % 3 == 0) {
        drop_box(noh_box_take(&message->box), 24);
    }
    return act(self, me, message->bits);
}

static noh_err on_job(noh_self *self, cell *me, const job *message)
{
    CHECK_TEXT(message->text, "job");
    uint64_t bits = test_random(&me->chance);
    if (bits % 4 == 0) {
        return noh_forward(self, somebody(bits >> 8)) == NOH_E_INVAL ? NOH_E_FAILED : NOH_OK;
    }
    noh_err err = act(self, me, message->bits);
    return err != NOH_OK ? err : noh_reply(self, result, .bits = message->bits, .text = "done");
}

static noh_err one_answer(cell *me)
{
    CHECK(me->open > 0);
    me->open--;
    count(&world.answered);
    return NOH_OK;
}

static noh_err on_result(noh_self *self, cell *me, const result *message)
{
    CHECK_TEXT(message->text, "done");
    return one_answer(me);
}

static noh_err on_failure(noh_self *self, cell *me, const noh_failure *message)
{
    return one_answer(me);
}

static void bury(noh_self *self, cell *me, const noh_exit *exit)
{
    CHECK(!me->ended);
    me->ended = true;
    tell_work(self, somebody(me->chance), me->chance | 7); /* hooks send */
    (void)noh_tell(self, world.registrar, obituary, .kind = (uint32_t)exit->kind);
}

static noh_err on_cell_stop(noh_self *self, cell *me, const noh_exit *exit)
{
    CHECK(exit->kind == NOH_EXIT_NORMAL || exit->kind == NOH_EXIT_SHUTDOWN);
    CHECK(me->started); /* no hook sees a state that was never whole */
    count(&world.stopped);
    bury(self, me, exit);
    if (me->chance % 32 == 0) {
        noh_fail(self, NOH_E_FAILED, "in the hook");
    }
    return NOH_OK;
}

static noh_err on_cell_failure(noh_self *self, cell *me, const noh_exit *exit)
{
    CHECK_EQ(exit->kind, NOH_EXIT_FAILED);
    CHECK(me->started);
    count(&world.failed);
    bury(self, me, exit);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(cell, cell_start, on_cell_start, NOH_ON(work, on_work), NOH_ON(job, on_job),
                  NOH_ON(result, on_result), NOH_ON(noh_failure, on_failure),
                  NOH_ON_STOP(on_cell_stop), NOH_ON_FAILURE(on_cell_failure));

/* ---- who keeps it going ------------------------------------------------------------------- */

NOH_NO_STATE(registrar);

static noh_err on_obituary(noh_self *self, registrar *me, const obituary *message)
{
    count(&world.obituaries);
    return NOH_OK;
}

NOH_BEHAVIOR(registrar, NOH_ON(obituary, on_obituary));

static void *outsider(void *arg)
{
    noh_system *system = arg;
    noh_self *self = noh_system_self(system);
    uint64_t chance = noh_self_ref(self).bits;
    while (atomic_load(&world.budget) > 0) {
        for (unsigned i = 0; i < 64; i++) {
            uint64_t bits = test_random(&chance);
            spawn_cell(self, bits);
            tell_work(self, somebody(bits), test_random(&chance));
            if (bits % 8 == 0) {
                stop_somebody(self, bits >> 3);
            }
        }
        noh_ref victim = somebody(test_random(&chance));
        result answer;
        noh_err err = noh_call(self, victim, job, &answer, .bits = chance, .text = "job");
        CHECK(err != NOH_E_INVAL && err != NOH_E_CONTEXT && err != NOH_E_WRONG_TYPE);
        (void)noh_stop(self, victim, NOH_STOP_NOW);
        noh_exit exit;
        CHECK_OK(noh_join(self, victim, NOH_FOREVER, &exit));
        CHECK(!noh_is_alive(system, victim));
    }
    return NULL;
}

static void churn(unsigned workers, uint64_t actions)
{
    memset(&world, 0, sizeof world);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    world.registrar = noh_spawn(self, registrar);
    atomic_store(&world.budget, (long long)actions);
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = stress_go(outsider, system);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        stress_join(threads[i]);
    }
    uint64_t sent = stress_end(system);
    printf("    %u workers: %llu messages, %llu spawned, %llu stopped, %llu failed, %llu asked\n",
           workers, (unsigned long long)sent, (unsigned long long)atomic_load(&world.spawned),
           (unsigned long long)atomic_load(&world.stopped),
           (unsigned long long)atomic_load(&world.failed),
           (unsigned long long)atomic_load(&world.asked));
    CHECK_EQ(atomic_load(&world.boxes), 0);
    CHECK_EQ(atomic_load(&world.shared), 0);
    uint64_t hooks = atomic_load(&world.stopped) + atomic_load(&world.failed);
    CHECK(hooks <= atomic_load(&world.spawned));
    CHECK(atomic_load(&world.failed) > 0 && atomic_load(&world.stopped) > 0);
    CHECK(atomic_load(&world.answered) <= atomic_load(&world.asked));
    CHECK(atomic_load(&world.obituaries) <= hooks);
}

static void lives_of_all_kinds_leave_nothing_behind_on_two_workers(void)
{
    churn(2, stress_rounds(1000000));
}

static void lives_of_all_kinds_leave_nothing_behind_on_four_workers(void)
{
    churn(4, stress_rounds(1000000));
}

/* ---- the last hook ------------------------------------------------------------------------ */

NOH_NO_STATE(lingerer);
NOH_MESSAGE(leave);

static atomic_uint lingering; /* 1: in the hook; 2: it may end; 3: it has ended */

static noh_err on_leave(noh_self *self, lingerer *me, const leave *message)
{
    return noh_exit_self(self);
}

static noh_err on_linger(noh_self *self, lingerer *me, const noh_exit *exit)
{
    atomic_store(&lingering, 1);
    while (atomic_load(&lingering) == 1) {
        sched_yield();
    }
    atomic_store(&lingering, 3);
    return NOH_OK;
}

NOH_BEHAVIOR(lingerer, NOH_ON(leave, on_leave), NOH_ON_STOP(on_linger));

static void a_join_waits_for_the_last_hook(void)
{
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    for (unsigned i = 0; i < 2; i++) { /* begun before the end, and while it lasts */
        noh_ref ref = noh_spawn(self, lingerer);
        atomic_store(&lingering, 0);
        CHECK_OK(noh_tell(self, ref, leave));
        if (i == 0) {
            CHECK_ERR(noh_join(self, ref, 5 * NOH_MS, NULL), NOH_E_TIMEOUT);
        }
        while (atomic_load(&lingering) == 0) {
            sched_yield();
        }
        CHECK_ERR(noh_join(self, ref, 5 * NOH_MS, NULL), NOH_E_TIMEOUT);
        atomic_store(&lingering, 2);
        CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
        CHECK_EQ(atomic_load(&lingering), 3);
    }
    stress_end(system);
}

static const test_case cases[] = {
    TEST(a_join_waits_for_the_last_hook),
    TEST(lives_of_all_kinds_leave_nothing_behind_on_two_workers),
    TEST(lives_of_all_kinds_leave_nothing_behind_on_four_workers),
};
TEST_MAIN(cases)
