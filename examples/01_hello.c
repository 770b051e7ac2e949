/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The shortest program: one actor, one message. */
#include <noh/noh.h>

NOH_MESSAGE(greet, (noh_text, name));

NOH_NO_STATE(greeter);

static noh_err on_greet(noh_self *self, greeter *me, const greet *m)
{
    printf("Hello %s!\n", m->name);
    return NOH_OK;
}

NOH_BEHAVIOR(greeter, NOH_ON(greet, on_greet));

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system); /* this thread, as an actor */
    noh_ref someone = noh_spawn(me, greeter);
    noh_tell(me, someone, greet, .name = "world");
    noh_system_free(system); /* what was told before is still handled */
    return 0;
}

// expect: Hello world!
