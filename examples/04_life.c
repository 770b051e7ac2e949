/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The life of an actor: start arguments, hooks, three ways to stop, failure, and who waits for it. */
#include <noh/noh.h>

NOH_MESSAGE(count);
NOH_MESSAGE(crash);
NOH_MESSAGE(retire);
NOH_MESSAGE(counter_start, (int32_t, from));

typedef struct counter {
    int32_t value;
} counter;

static noh_err on_start(noh_self *self, counter *me, const counter_start *arguments)
{
    me->value = arguments->from;
    printf("starts at %d\n", me->value);
    return NOH_OK; /* an error here would end it */
}

static noh_err on_count(noh_self *self, counter *me, const count *m)
{
    me->value++;
    return NOH_OK;
}

static noh_err on_crash(noh_self *self, counter *me, const crash *m)
{
    noh_fail(self, NOH_E_FAILED, "no more than %d", me->value); /* does not return */
    return NOH_OK;
}

static noh_err on_retire(noh_self *self, counter *me, const retire *m)
{
    return noh_exit_self(self);
}

static noh_err on_stop(noh_self *self, counter *me, const noh_exit *why)
{
    printf("stops at %d, normal: %d\n", me->value, why->kind == NOH_EXIT_NORMAL);
    return NOH_OK;
}

static noh_err on_failure(noh_self *self, counter *me, const noh_exit *why)
{
    printf("failed: %s\n", why->text);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(counter, counter_start, on_start, NOH_ON(count, on_count),
                  NOH_ON(crash, on_crash), NOH_ON(retire, on_retire), NOH_ON_STOP(on_stop),
                  NOH_ON_FAILURE(on_failure));

static void keep_quiet(void *world, const noh_log_record *record)
{
    /* the failure below would be logged to stderr */
}

int main(void)
{
    noh_env env = noh_env_default();
    env.log = keep_quiet;
    noh_system *system;
    if (noh_system_new(&(noh_options){.workers = 1, .env = &env}, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_exit why;

    noh_ref a = noh_spawn(me, counter, .from = 10);
    noh_tell(me, a, count);
    noh_stop(me, a, NOH_STOP_DRAIN); /* after the messages already queued */
    noh_join(me, a, NOH_FOREVER, NULL);

    noh_ref b = noh_spawn(me, counter, .from = 20);
    noh_after(me, 20 * NOH_MS, b, crash, NULL);
    noh_join(me, b, NOH_FOREVER, &why); /* who waits when it ends learns why */
    printf("failed: %d, %s\n", why.kind == NOH_EXIT_FAILED, noh_err_name(why.code));

    noh_ref c;
    noh_spawn_options options = {.name = "third", .mailbox_max = 100, .pinned = true};
    if (noh_spawn_with(me, noh_behavior_find("counter"), NOH_VALUE(counter_start, .from = 30),
                       &options, &c) == NOH_OK) {
        noh_tell(me, noh_lookup(system, "third"), retire);
        noh_join(me, c, NOH_FOREVER, NULL);
    }
    printf("alive: %d, told: %s\n", noh_is_alive(system, c), noh_err_name(noh_tell(me, c, count)));
    noh_system_free(system);
    return 0;
}

// expect: starts at 10
// expect: stops at 11, normal: 1
// expect: starts at 20
// expect: failed: no more than 20
// expect: failed: 1, NOH_E_FAILED
// expect: starts at 30
// expect: stops at 30, normal: 1
// expect: alive: 0, told: NOH_E_GONE
