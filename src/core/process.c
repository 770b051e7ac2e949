/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Process: a plain function as an actor. Its start hook is the whole of it; the argument lies in the
 * message that starts it, which is in hand until the function returns, or is dropped with its stack. */
#include "worker.h"

NOH_MESSAGE(noh_closure, (uint64_t, fn), (noh_box, arg));

/* `drop` is the user's function, in the place of the box's size. */
static void drop_arg(void *arg, size_t drop)
{
    if (drop != 0) {
        ((void (*)(void *))(uintptr_t)drop)(arg);
    }
}

static noh_err run_closure(noh_self *self, const noh_closure *closure)
{
    noh_process_fn *fn = (noh_process_fn *)(uintptr_t)closure->fn;
    return fn(self, closure->arg.data);
}

NOH_PROCESS(noh_fn, noh_closure, run_closure);

noh_err noh_process_ends(noh_self *self, noh_err err)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    if (err != NOH_OK && err != NOH_E_STOPPED) {
        return err;
    }
    return noh_exit_self(self);
}

noh_err noh_spawn_fn_with(noh_self *self, noh_process_fn *fn, void *arg, void (*drop)(void *arg),
                          const noh_spawn_options *options, noh_ref *ret_ref)
{
    if (fn == NULL) {
        return NOH_E_INVAL;
    }
    noh_closure closure = {(uintptr_t)fn, {arg, (size_t)(uintptr_t)drop, drop_arg}};
    return noh_spawn_with(self, &noh_behavior_noh_fn, &closure, options, ret_ref);
}

noh_ref noh_spawn_fn(noh_self *self, noh_process_fn *fn, void *arg, void (*drop)(void *arg))
{
    noh_ref ref = NOH_NO_REF;
    (void)noh_spawn_fn_with(self, fn, arg, drop, NULL, &ref);
    return ref;
}
