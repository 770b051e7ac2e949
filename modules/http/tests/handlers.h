/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The actors that answer in the tests, and a site with one of them. */
#ifndef HANDLERS_H
#define HANDLERS_H

#include "client.h"
#include "site.h"

#include <stdatomic.h>

NOH_NO_STATE(hello);

static noh_err say_hello(noh_self *self, hello *me, const noh_http_request *request)
{
    return noh_reply(self, noh_http_response, .body = noh_http_text("Hello world!"));
}

NOH_BEHAVIOR(hello, NOH_ON(noh_http_request, say_hello));

/* Gives the body back. */
NOH_NO_STATE(echo);

static noh_err give_back(noh_self *self, echo *me, const noh_http_request *request)
{
    return noh_reply(self, noh_http_response, .content_type = "application/octet-stream",
                     .body = request->body);
}

NOH_BEHAVIOR(echo, NOH_ON(noh_http_request, give_back));

/* Prints what it was asked. */
NOH_NO_STATE(mirror);

static noh_err describe(noh_self *self, mirror *me, const noh_http_request *r)
{
    char text[2048];
    int size = snprintf(text, sizeof text, "%s|%s|%s|", r->method, r->path, r->query);
    for (size_t i = 0; i < r->headers.count; i++) {
        size += snprintf(text + size, sizeof text - (size_t)size, "%s=%s;",
                         r->headers.items[i].name, r->headers.items[i].value);
    }
    const char *host = noh_http_header_value(r, "HOST");
    CHECK(noh_http_header_value(r, "nobody") == NULL);
    snprintf(text + size, sizeof text - (size_t)size, "|%s|%.*s|%.10s", host, (int)r->body.size,
             (const char *)r->body.data, r->peer);
    return noh_reply(self, noh_http_response, .body = noh_http_text(text));
}

NOH_BEHAVIOR(mirror, NOH_ON(noh_http_request, describe));

/* Does what the path says. */
NOH_MESSAGE(keep_promises);

typedef struct moody {
    noh_promise promises[512];
    size_t count;
} moody;

/* Where the next moody actor is, for tests that talk to it. */
static atomic_ullong moody_ref;
static atomic_int moody_count;

static noh_err moody_begin(noh_self *self, moody *me, const noh_nothing *nothing)
{
    atomic_store(&moody_ref, noh_self_ref(self).bits);
    atomic_fetch_add(&moody_count, 1);
    return NOH_OK;
}

static noh_err reply_with(noh_self *self, const char *path)
{
    static const noh_http_header split[] = {{"X-Bad", "a\r\nSet-Cookie: b"}};
    static const noh_http_header named[] = {{"X Bad", "a"}};
    static const noh_http_header good[] = {{"X-One", "1"}, {"x-two", "2"}, {"Content-Length", "7"}};
    if (strcmp(path, "/split") == 0) {
        return noh_reply(self, noh_http_response, .headers = {split, 1});
    }
    if (strcmp(path, "/named") == 0) {
        return noh_reply(self, noh_http_response, .headers = {named, 1});
    }
    if (strcmp(path, "/headers") == 0) {
        return noh_reply(self, noh_http_response, .headers = {good, 3});
    }
    if (strcmp(path, "/moved") == 0) {
        return noh_reply(self, noh_http_response, .location = "http://elsewhere/");
    }
    if (strcmp(path, "/odd") == 0) {
        return noh_reply(self, noh_http_response, .status = 99);
    }
    if (strcmp(path, "/gone") == 0) {
        return noh_reply(self, noh_http_response, .status = 204);
    }
    return noh_reply(self, noh_http_response, .status = 404, .content_type = "text/x-sad",
                     .body = noh_http_text("no such page"));
}

static noh_err on_request(noh_self *self, moody *me, const noh_http_request *request)
{
    const char *path = request->path;
    if (strcmp(path, "/fail") == 0) {
        return NOH_E_INVAL;
    }
    if (strcmp(path, "/jump") == 0) {
        noh_fail(self, NOH_E_INVAL, "at once");
    }
    if (strcmp(path, "/error") == 0) {
        return noh_reply_error(self, NOH_E_INVAL, "not that");
    }
    if (strcmp(path, "/silent") == 0) {
        return NOH_OK;
    }
    if (strcmp(path, "/later") == 0) {
        CHECK(me->count < 512);
        return noh_promise_take(self, &me->promises[me->count++]);
    }
    return reply_with(self, path);
}

static noh_err on_keep(noh_self *self, moody *me, const keep_promises *message)
{
    for (size_t i = 0; i < me->count; i++) {
        (void)noh_promise_keep(self, me->promises[i], noh_http_response,
                               .body = noh_http_text("at last"));
    }
    me->count = 0;
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(moody, noh_nothing, moody_begin, NOH_ON(noh_http_request, on_request),
                  NOH_ON(keep_promises, on_keep));

static inline void begin(site *s, const noh_behavior *behavior)
{
    static noh_http_options options;
    options = (noh_http_options){.behavior = behavior};
    site_begin(s, NULL, &options);
}

/* Tells the moody actor of the site to keep its promises. */
static inline void keep(const site *s)
{
    noh_self *self = noh_system_self(s->system);
    CHECK_OK(noh_tell(self, (noh_ref){atomic_load(&moody_ref)}, keep_promises));
}

#endif
