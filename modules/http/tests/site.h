/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A server on a loop of its own thread, for a client on the test's thread. */
#ifndef SITE_H
#define SITE_H

#include <noh/http.h>
#include <noh/watch.h>

#include "test.h"

#include <pthread.h>
#include <semaphore.h>

enum { SITE_SERVERS_MAX = 2 };

typedef struct site {
    noh_system *system;
    noh_loop *loop;
    noh_http_server *servers[SITE_SERVERS_MAX];
    const noh_http_options *options;
    size_t count;
    pthread_t thread;
    sem_t ready;
    noh_err err; /* of the first server that did not start */
    bool told;   /* to stop; the loop may be gone */
    uint16_t port;
    uint16_t second_port;
} site;

/* The log lines of all sites that mention http. */
static pthread_mutex_t site_log_lock = PTHREAD_MUTEX_INITIALIZER;
static char site_log[1024];

static inline void site_on_log(void *world, const noh_log_record *record)
{
    if (strstr(record->text, "http:") != NULL) {
        pthread_mutex_lock(&site_log_lock);
        snprintf(site_log, sizeof site_log, "%s", record->text);
        pthread_mutex_unlock(&site_log_lock);
    }
}

static inline noh_system *site_system(void)
{
    noh_env env = noh_env_default();
    env.log = site_on_log;
    noh_options options = {.workers = 2, .env = &env};
    noh_system *system;
    CHECK_OK(noh_system_new(&options, &system));
    site_log[0] = '\0';
    return system;
}

static inline void *site_main(void *arg)
{
    site *s = arg;
    CHECK_OK(noh_loop_new(s->system, &s->loop));
    for (size_t i = 0; i < s->count && s->err == NOH_OK; i++) {
        s->err = noh_http_start(s->loop, &s->options[i], &s->servers[i]);
    }
    s->port = noh_http_port(s->servers[0]);
    s->second_port = noh_http_port(s->servers[1]);
    sem_post(&s->ready);
    if (s->err == NOH_OK) {
        CHECK_OK(noh_loop_run(s->loop));
    }
    for (size_t i = 0; i < s->count; i++) {
        CHECK_OK(noh_http_free(s->servers[i]));
    }
    CHECK_OK(noh_loop_free(s->loop));
    return NULL;
}

/* Starts `count` servers; their errors stay in `err`. `system` NULL: one of its own. */
static inline void site_try(site *s, noh_system *system, const noh_http_options *options,
                            size_t count)
{
    memset(s, 0, sizeof *s);
    s->system = system != NULL ? system : site_system();
    s->options = options;
    s->count = count;
    CHECK_EQ(sem_init(&s->ready, 0, 0), 0);
    CHECK_EQ(pthread_create(&s->thread, NULL, site_main, s), 0);
    while (sem_wait(&s->ready) != 0) {
    }
}

static inline void site_begin(site *s, noh_system *system, const noh_http_options *options)
{
    site_try(s, system, options, 1);
    CHECK_OK(s->err);
}

/* Lets servers and loop end. */
static inline void site_tell_to_stop(site *s)
{
    if (s->err == NOH_OK && !s->told) {
        s->told = true;
        noh_loop_stop(s->loop);
    }
}

/* And waits for it. */
static inline void site_stop(site *s)
{
    site_tell_to_stop(s);
    pthread_join(s->thread, NULL);
    sem_destroy(&s->ready);
}

/* The system too; every message must be accounted for. */
static inline void site_end(site *s)
{
    site_stop(s);
    CHECK_OK(noh_system_stop(s->system, 5 * NOH_SECOND));
    noh_ledger ledger;
    CHECK_OK(noh_ledger_read(s->system, &ledger));
    CHECK_EQ(ledger.sent, ledger.handled + ledger.queued + noh_ledger_dead(&ledger));
    CHECK_OK(noh_system_free(s->system));
}

#endif
