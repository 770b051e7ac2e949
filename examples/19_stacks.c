/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Stacks: who runs off the stack ends, and no other; who needs a larger one says so; and what all of
 * them use can be looked up. */
#include <noh/noh.h>
#include <noh/watch.h>

NOH_MESSAGE(depth, (int64_t, value));
NOH_REQUEST(nest, depth, (int64_t, levels));

/* A recursion as parsers have it: some hundred bytes of stack for each level. */
static int64_t descend(noh_self *self, int64_t levels, const volatile char *above)
{
    volatile char text[200];
    text[0] = above[0];
    noh_log(self, NOH_LOG_DEBUG, "%lld levels to go", (long long)levels);
    return levels == 0 ? 0 : 1 + descend(self, levels - 1, text) + text[0];
}

NOH_NO_STATE(usual);

static noh_err usual_nest(noh_self *self, usual *me, const nest *m)
{
    return noh_reply(self, depth, .value = descend(self, m->levels, &(const volatile char){0}));
}

static noh_err usual_failed(noh_self *self, usual *me, const noh_exit *why)
{
    printf("ends: %s, by a fault: %d\n", why->text, why->kind == NOH_EXIT_FAULT);
    return NOH_OK;
}

NOH_BEHAVIOR(usual, NOH_ON(nest, usual_nest), NOH_ON_FAILURE(usual_failed));

NOH_NO_STATE(roomy);

static noh_err roomy_nest(noh_self *self, roomy *me, const nest *m)
{
    noh_sleep(self, NOH_MS); /* so that the census has seen it */
    return noh_reply(self, depth, .value = descend(self, m->levels, &(const volatile char){0}));
}

NOH_BEHAVIOR(roomy, NOH_ON(nest, roomy_nest), NOH_STACK(16 * 1024 * 1024));

static void keep_quiet(void *world, const noh_log_record *record)
{
    /* all of this would be logged to stderr */
}

int main(void)
{
    noh_env env = noh_env_default();
    env.log = keep_quiet;
    noh_system *system;
    if (noh_system_new(&(noh_options){.workers = 2, .env = &env}, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref small = noh_spawn(me, usual);
    noh_ref large = noh_spawn(me, roomy);
    depth answer;
    noh_err err = noh_call(me, small, nest, &answer, .levels = 100);
    printf("usual, 100 levels: %s\n", noh_err_name(err));
    err = noh_call(me, large, nest, &answer, .levels = 20000);
    printf("roomy, 20,000 levels: %s, %lld\n", noh_err_name(err), (long long)answer.value);
    err = noh_call(me, small, nest, &answer, .levels = 20000);
    noh_join(me, small, NOH_FOREVER, NULL); /* its hook has run */
    printf("usual, 20,000 levels: %s, %s\n", noh_err_name(err), noh_error_text(me));
    err = noh_call(me, large, nest, &answer, .levels = 1);
    printf("roomy goes on: %s\n", noh_err_name(err));

    noh_stack_use uses[2];
    size_t count;
    if (noh_stack_census(system, uses, 2, &count) == NOH_OK) {
        for (size_t i = 0; i < count && i < 2; i++) {
            printf("%s: %llu wait, all of the stack used: %d\n", uses[i].behavior,
                   (unsigned long long)uses[i].waiting, uses[i].deepest == 256 * 1024);
        }
    }
    noh_system_free(system);
    return 0;
}

// expect: usual, 100 levels: NOH_OK
// expect: roomy, 20,000 levels: NOH_OK, 20000
// expect: ends: stack overflow, by a fault: 1
// expect: usual, 20,000 levels: NOH_E_STACK, stack overflow
// expect: roomy goes on: NOH_OK
// expect: roomy: 0 wait, all of the stack used: 0
// expect: usual: 0 wait, all of the stack used: 1
