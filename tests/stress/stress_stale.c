/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a message reaches the actor it is meant for or nobody, however often slots are used again;
 * what comes too late is a dead letter, and who asked is answered.
 * Method: mayflies end with their first message, so their slots go round: from worker to worker,
 * and through the common list to plain threads. Shooters on all workers send to the refs of
 * mayflies, dead or alive; each message carries the ref it is meant for. Some hold their chain of
 * letters back in a long handler, so that it arrives after the slot was freed, given on, and used
 * again. Two cases do that by hand, step by step. */
#include "stress.h"

enum { BOARD = 1024, SHOOTERS = 6, BURST = 3000 };

NOH_MESSAGE(heard);
NOH_MESSAGE(parcel, (noh_ref, meant_for));
NOH_REQUEST(question, heard, (noh_ref, meant_for));
NOH_MESSAGE(shoot, (uint64_t, shots));
NOH_MESSAGE(shots_done, (uint64_t, open));

/* Refs of mayflies, old and new, as everybody sees them. */
static struct {
    atomic_ullong refs[BOARD];
    atomic_ullong handled;
    atomic_ullong gone;
    atomic_ullong accepted;
    atomic_ullong answers;
    atomic_bool enough;
    noh_ref driver;
} board;

static noh_ref board_ref(uint64_t bits)
{
    return (noh_ref){atomic_load_explicit(&board.refs[bits % BOARD], memory_order_relaxed)};
}

/* Returns the ref that stood there. */
static noh_ref board_put(uint64_t bits, noh_ref ref)
{
    return (noh_ref){atomic_exchange(&board.refs[bits % BOARD], ref.bits)};
}

typedef struct mayfly {
    uint64_t worker; /* the thread that runs its handler, once it runs */
    bool ended;
} mayfly;

static _Thread_local bool is_plain_thread;

static noh_err mayfly_dies(noh_self *self, mayfly *me, noh_ref meant_for)
{
    CHECK(!is_plain_thread); /* no plain thread runs actors */
    CHECK_EQ(meant_for.bits, noh_self_ref(self).bits);
    CHECK(!me->ended);
    me->ended = true;
    atomic_fetch_add_explicit(&board.handled, 1, memory_order_relaxed);
    return noh_exit_self(self);
}

static noh_err on_parcel(noh_self *self, mayfly *me, const parcel *message)
{
    return mayfly_dies(self, me, message->meant_for);
}

static noh_err on_question(noh_self *self, mayfly *me, const question *message)
{
    noh_err err = mayfly_dies(self, me, message->meant_for);
    return err != NOH_OK ? err : noh_reply(self, heard);
}

NOH_BEHAVIOR(mayfly, NOH_ON(parcel, on_parcel), NOH_ON(question, on_question));

typedef struct shooter {
    uint64_t chance;
    uint64_t open; /* asks without an answer */
    uint64_t left;
} shooter;

NOH_MESSAGE(shooter_start, (uint64_t, chance));

static noh_err on_shooter_start(noh_self *self, shooter *me, const shooter_start *start)
{
    me->chance = start->chance;
    return NOH_OK;
}

static void note_shot(noh_err err)
{
    if (err == NOH_E_GONE) {
        atomic_fetch_add_explicit(&board.gone, 1, memory_order_relaxed);
    } else {
        CHECK_OK(err);
        atomic_fetch_add_explicit(&board.accepted, 1, memory_order_relaxed);
    }
}

static void fire_one(noh_self *self, shooter *me)
{
    uint64_t bits = test_random(&me->chance);
    noh_ref to = board_ref(bits);
    if ((bits >> 20) % 4 == 0) {
        noh_future future;
        noh_err err = noh_ask(self, to, question, &future, .meant_for = to);
        note_shot(err);
        me->open += err == NOH_OK;
    } else {
        note_shot(noh_tell(self, to, parcel, .meant_for = to));
    }
    if ((bits >> 30) % 64 == 0) { /* the chain stays open */
        stress_busy((bits >> 40) % 100000);
    } else if ((bits >> 30) % 64 == 1) { /* now live on a worker that somebody will rob */
        stress_sleep_us(20);
    }
}

static noh_err shooter_goes_on(noh_self *self, shooter *me)
{
    if (me->left == 0) {
        return me->open == 0 ? noh_tell(self, board.driver, shots_done, .open = 0) : NOH_OK;
    }
    for (unsigned i = 0; i < 32 && me->left > 0; i++) {
        me->left--;
        fire_one(self, me);
    }
    return noh_tell(self, noh_self_ref(self), shoot, .shots = 0);
}

static noh_err on_shoot(noh_self *self, shooter *me, const shoot *message)
{
    me->left += message->shots;
    return shooter_goes_on(self, me);
}

static noh_err answered(noh_self *self, shooter *me)
{
    CHECK(me->open > 0);
    me->open--;
    atomic_fetch_add_explicit(&board.answers, 1, memory_order_relaxed);
    if (me->open == 0 && me->left == 0) {
        return noh_tell(self, board.driver, shots_done, .open = 0);
    }
    return NOH_OK;
}

static noh_err on_heard(noh_self *self, shooter *me, const heard *message)
{
    return answered(self, me);
}

static noh_err on_failure(noh_self *self, shooter *me, const noh_failure *message)
{
    CHECK(message->code == NOH_E_GONE || message->code == NOH_E_STOPPED);
    return answered(self, me);
}

NOH_BEHAVIOR_WITH(shooter, shooter_start, on_shooter_start, NOH_ON(shoot, on_shoot),
                  NOH_ON(heard, on_heard), NOH_ON(noh_failure, on_failure));

/* Spawns on a worker, one by one, so that slots are used again at once. */
typedef struct queen {
    uint64_t chance;
} queen;

NOH_MESSAGE(breed);

static noh_err on_breed(noh_self *self, queen *me, const breed *message)
{
    for (unsigned i = 0; i < 16; i++) {
        noh_ref old = board_put(test_random(&me->chance), noh_spawn(self, mayfly));
        note_shot(noh_tell(self, old, parcel, .meant_for = old)); /* or it would live for ever */
    }
    if (atomic_load(&board.enough)) {
        return NOH_OK;
    }
    return noh_tell(self, noh_self_ref(self), breed);
}

NOH_BEHAVIOR(queen, NOH_ON(breed, on_breed));

/* Spawns in bursts larger than a worker's free list, and shoots them all down: what worker 0 frees
 * comes back here through the common list. */
static void *plain_breeder(void *arg)
{
    noh_system *system = arg;
    is_plain_thread = true;
    noh_self *self = noh_system_self(system);
    uint64_t chance = 4711;
    static _Thread_local noh_ref burst[BURST];
    while (!atomic_load(&board.enough)) {
        for (unsigned i = 0; i < BURST; i++) {
            CHECK_OK(noh_spawn_with(self, &noh_behavior_mayfly, NULL, NULL, &burst[i]));
            if (i % 2 == 0) {
                noh_ref old = board_put(test_random(&chance), burst[i]);
                note_shot(noh_tell(self, old, parcel, .meant_for = old));
            }
        }
        for (unsigned i = 0; i < BURST; i++) {
            note_shot(noh_tell(self, burst[i], parcel, .meant_for = burst[i]));
        }
        CHECK_OK(noh_join(self, burst[test_below(&chance, BURST)], NOH_FOREVER, NULL));
    }
    return NULL;
}

static void breed_and_shoot(unsigned workers, uint64_t shots)
{
    memset(&board, 0, sizeof board);
    is_plain_thread = true;
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    board.driver = noh_self_ref(self);
    for (unsigned i = 0; i < BOARD; i++) {
        (void)board_put(i, noh_spawn(self, mayfly));
    }
    pthread_t breeder = stress_go(plain_breeder, system);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, queen), breed));
    }
    for (unsigned i = 0; i < SHOOTERS; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, shooter, .chance = i), shoot,
                          .shots = shots / SHOOTERS));
    }
    for (unsigned done = 0; done < SHOOTERS; done++) {
        const noh_type *type;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    }
    atomic_store(&board.enough, true);
    stress_join(breeder);
    stress_end(system);
    printf("    %u workers: %llu accepted, %llu handled, %llu gone, %llu answers\n", workers,
           (unsigned long long)atomic_load(&board.accepted),
           (unsigned long long)atomic_load(&board.handled),
           (unsigned long long)atomic_load(&board.gone),
           (unsigned long long)atomic_load(&board.answers));
    CHECK(atomic_load(&board.accepted) >= atomic_load(&board.handled));
    CHECK(atomic_load(&board.handled) > 0 && atomic_load(&board.answers) > 0);
}

static void slots_used_again_get_no_letters_of_the_dead(void)
{
    breed_and_shoot(2, stress_rounds(2000000));
    breed_and_shoot(4, stress_rounds(1000000));
}

/* ---- by hand ------------------------------------------------------------------------------ */

/* A gunner asks a mayfly that lives on a host loop, and holds the letter back in its handler. The
 * mayfly ends, the loop is freed, and the main thread takes its slot out of the common list. */
static struct {
    atomic_uint stage;
    atomic_ullong mayfly;
    atomic_bool answered;
} hand;

static void reach(unsigned stage)
{
    atomic_store(&hand.stage, stage);
}

static void wait_for(unsigned stage)
{
    while (atomic_load(&hand.stage) < stage) {
        sched_yield();
    }
}

NOH_NO_STATE(gunner);
NOH_MESSAGE(aim);

static noh_err on_aim(noh_self *self, gunner *me, const aim *message)
{
    noh_ref to = {atomic_load(&hand.mayfly)};
    noh_future future;
    CHECK_OK(noh_ask(self, to, question, &future, .meant_for = to));
    reach(2);
    wait_for(4);
    return NOH_OK;
}

static noh_err on_gunner_failure(noh_self *self, gunner *me, const noh_failure *message)
{
    atomic_store(&hand.answered, true);
    return NOH_OK;
}

NOH_BEHAVIOR(gunner, NOH_ON(aim, on_aim), NOH_ON(noh_failure, on_gunner_failure));

static void no_wake(void *ctx)
{
}

static void *loop_that_frees_the_slot(void *arg)
{
    noh_system *system = arg;
    noh_self *self;
    CHECK_OK(noh_host_new(system, no_wake, NULL, &self));
    noh_ref refs[9]; /* its slot shall be neither the first nor the last */
    for (unsigned i = 0; i < 9; i++) {
        refs[i] = noh_spawn(self, mayfly);
    }
    atomic_store(&hand.mayfly, refs[4].bits);
    reach(1);
    wait_for(2);
    for (unsigned i = 0; i < 9; i++) {
        CHECK_OK(noh_tell(self, refs[i], parcel, .meant_for = refs[i]));
    }
    while (noh_is_alive(system, refs[8])) {
        (void)noh_host_run(self);
    }
    noh_host_free(self);
    reach(3);
    return NULL;
}

/* Ends with the gunner free to send, and the mayfly's slot at the main thread. */
static noh_system *late_letter_for_a_slot_of_this_thread(noh_self **ret_self)
{
    memset(&hand, 0, sizeof hand);
    is_plain_thread = false;
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    noh_ref gun = noh_spawn(self, gunner);
    pthread_t loop = stress_go(loop_that_frees_the_slot, system);
    wait_for(1);
    CHECK_OK(noh_tell(self, gun, aim));
    wait_for(3);
    stress_join(loop);
    is_plain_thread = true;
    *ret_self = self;
    return system;
}

static void late_ask(unsigned spawns)
{
    noh_self *self;
    noh_system *system = late_letter_for_a_slot_of_this_thread(&self);
    /* Uses up the free slots that it has, and gets more. */
    for (unsigned i = 0; i < spawns; i++) {
        noh_ref ref = noh_spawn(self, mayfly);
        CHECK_OK(noh_tell(self, ref, parcel, .meant_for = ref));
    }
    reach(4);
    /* This thread is busy for ever, as far as the runtime knows: it waits for nothing. */
    for (unsigned ms = 0; !atomic_load(&hand.answered); ms++) {
        CHECK(ms < 5000);
        stress_sleep_us(1000);
    }
    stress_end(system);
}

static void a_late_ask_is_answered_though_the_slot_belongs_to_a_busy_thread(void)
{
    for (unsigned spawns = 24; spawns < 48; spawns++) {
        late_ask(spawns);
    }
}

NOH_REQUEST(knock, heard);
NOH_NO_STATE(door);

static noh_err on_knock(noh_self *self, door *me, const knock *message)
{
    return noh_reply(self, heard);
}

NOH_BEHAVIOR(door, NOH_ON(knock, on_knock));

static void an_actor_in_a_slot_with_late_letters_runs_on_its_worker(void)
{
    for (unsigned spawns_before = 20; spawns_before < 48; spawns_before++) {
        noh_self *self;
        noh_system *system = late_letter_for_a_slot_of_this_thread(&self);
        noh_ref porter = noh_spawn(self, door);
        for (unsigned i = 0; i < spawns_before; i++) {
            (void)noh_spawn(self, mayfly);
        }
        noh_future future;
        CHECK_OK(noh_ask(self, porter, knock, &future)); /* behind the gunner on worker 0 */
        reach(4);
        heard answer;
        CHECK_OK(noh_await(self, future, heard, NOH_FOREVER, &answer));
        /* The late letter and the answer came together; what is spawned now may get that slot. */
        noh_ref refs[256];
        for (unsigned i = 0; i < 256; i++) {
            refs[i] = noh_spawn(self, mayfly);
            CHECK_OK(noh_tell(self, refs[i], parcel, .meant_for = refs[i]));
        }
        for (unsigned i = 0; i < 256; i++) { /* it runs though this thread does not help */
            for (unsigned ms = 0; noh_is_alive(system, refs[i]); ms++) {
                CHECK(ms < 5000);
                stress_sleep_us(1000);
            }
        }
        stress_end(system);
    }
}

static const test_case cases[] = {
    TEST(slots_used_again_get_no_letters_of_the_dead),
    TEST(a_late_ask_is_answered_though_the_slot_belongs_to_a_busy_thread),
    TEST(an_actor_in_a_slot_with_late_letters_runs_on_its_worker),
};
TEST_MAIN(cases)
