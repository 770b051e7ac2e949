/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Plain threads as actors: each has its self, is asked, and ends it when it goes. And a stop that
 * an actor holds up: it returns all the same, and the log says who it was. */
#include <noh/noh.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

enum { CLERKS = 3 };

NOH_MESSAGE(ready);
NOH_MESSAGE(go_home);
NOH_MESSAGE(number, (int32_t, value));
NOH_REQUEST(square, number, (int32_t, of));

typedef struct office {
    noh_system *system;
    noh_ref owner;
} office;

/* A thread of our own that answers until it is sent home. */
static void *clerk(void *arg)
{
    office *where = arg;
    noh_self *me = noh_system_self(where->system);
    noh_tell(me, where->owner, ready); /* the owner sees who sent it */
    const noh_type *type;
    const void *message;
    while (noh_receive(me, NOH_FOREVER, &type, &message) == NOH_OK) {
        const square *question = noh_as(square, type, message);
        if (question == NULL) {
            break;
        }
        noh_reply(me, number, .value = question->of * question->of);
    }
    noh_self_free(me); /* it would end with the thread; what follows here is not an actor's work */
    return NULL;
}

static void ask_clerks(noh_self *me)
{
    office here = {noh_self_system(me), noh_self_ref(me)};
    pthread_t threads[CLERKS];
    noh_ref clerks[CLERKS];
    noh_future squares[CLERKS];
    const noh_type *type;
    const void *message;
    for (int i = 0; i < CLERKS; i++) {
        pthread_create(&threads[i], NULL, clerk, &here);
        noh_receive(me, NOH_FOREVER, &type, &message);
        clerks[i] = noh_sender(me);
    }
    for (int i = 0; i < CLERKS; i++) {
        noh_ask(me, clerks[i], square, &squares[i], .of = i + 2); /* all work at once */
    }
    for (int i = 0; i < CLERKS; i++) {
        number answer;
        if (noh_await(me, squares[i], number, NOH_FOREVER, &answer) == NOH_OK) {
            printf("clerk %d: %d\n", i, answer.value);
        }
        noh_tell(me, clerks[i], go_home);
        pthread_join(threads[i], NULL);
    }
    printf("the first one is here: %d\n", noh_is_alive(here.system, clerks[0]));
}

/* An actor that waits inside a handler holds up the end of the system. */
static sem_t begun;
static sem_t enough;

NOH_MESSAGE(dig);
NOH_NO_STATE(digger);

static noh_err on_dig(noh_self *self, digger *me, const dig *m)
{
    sem_post(&begun);
    sem_wait(&enough);
    return NOH_OK;
}

NOH_BEHAVIOR(digger, NOH_ON(dig, on_dig));

/* "holds up the stop: in the handler of dig for at least 21 ms": as far as the colon. */
static void print_log(void *world, const noh_log_record *record)
{
    if (record->behavior != NULL) {
        printf("log: the %s %.*s\n", record->behavior, (int)strcspn(record->text, ":"),
               record->text);
    }
}

int main(void)
{
    noh_env env = noh_env_default();
    env.log = print_log;
    noh_system *system;
    if (noh_system_new(&(noh_options){.env = &env}, &system) != NOH_OK ||
        sem_init(&begun, 0, 0) != 0 || sem_init(&enough, 0, 0) != 0) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    ask_clerks(me);

    noh_ref someone = noh_spawn(me, digger);
    noh_tell(me, someone, dig);
    sem_wait(&begun);
    printf("stop: %s\n", noh_err_name(noh_system_stop(system, 20 * NOH_MS)));
    noh_err err = noh_spawn_with(me, &noh_behavior_digger, NULL, NULL, &someone);
    printf("spawn: %s\n", noh_err_name(err));
    sem_post(&enough);
    printf("stop: %s\n", noh_err_name(noh_system_stop(system, NOH_FOREVER)));
    printf("free: %s\n", noh_err_name(noh_system_free(system)));
    return 0;
}

// expect: clerk 0: 4
// expect: clerk 1: 9
// expect: clerk 2: 16
// expect: the first one is here: 0
// expect: log: the digger holds up the stop
// expect: stop: NOH_E_HELD_UP
// expect: spawn: NOH_E_STOPPING
// expect: stop: NOH_OK
// expect: free: NOH_OK
