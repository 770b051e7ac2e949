/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Calls that block their thread, here reading a file, in straight-line code: the handler waits, its
 * worker serves others. What goes in and out lies in the handler's own variable. */
#include <noh/noh.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

NOH_MESSAGE(size, (int64_t, lines), (int64_t, bytes));
NOH_REQUEST(measure, size, (noh_text, path));
NOH_MESSAGE(seen, (int32_t, files));
NOH_REQUEST(how_many, seen);

typedef struct reading {
    const char *path;
    size size;
    int error;
} reading;

/* Plain C, on a thread where it may take its time. */
static noh_err read_file(void *arg)
{
    reading *r = arg;
    FILE *file = fopen(r->path, "r");
    if (file == NULL) {
        r->error = errno;
        return NOH_E_NOT_FOUND;
    }
    for (int c = getc(file); c != EOF; c = getc(file)) {
        r->size.bytes++;
        r->size.lines += c == '\n';
    }
    fclose(file);
    return NOH_OK;
}

typedef struct librarian {
    int32_t files;
} librarian;

static noh_err on_measure(noh_self *self, librarian *me, const measure *m)
{
    reading r = {.path = m->path};
    noh_err err = noh_blocking(self, read_file, &r);
    if (err != NOH_OK) {
        return noh_reply_error(self, err, strerror(r.error));
    }
    me->files++;
    return noh_reply(self, size, .lines = r.size.lines, .bytes = r.size.bytes);
}

static noh_err on_how_many(noh_self *self, librarian *me, const how_many *m)
{
    return noh_reply(self, seen, .files = me->files);
}

NOH_BEHAVIOR(librarian, NOH_ON(measure, on_measure), NOH_ON(how_many, on_how_many));

/* A file with some lines; its name goes to `path`, which ends in XXXXXX. */
static noh_err write_file(void *path)
{
    static const char words[] = "first\nsecond\nthird\n";
    int file = mkstemp(path);
    if (file < 0) {
        return NOH_E_OS;
    }
    bool written = write(file, words, sizeof words - 1) == (ssize_t)sizeof words - 1;
    return close(file) == 0 && written ? NOH_OK : NOH_E_OS;
}

int main(void)
{
    noh_system *system;
    noh_options options = {.workers = 1, .blocking_max = 8};
    if (noh_system_new(&options, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    char path[] = "/tmp/noh-blocking-XXXXXX";
    if (noh_blocking(me, write_file, path) != NOH_OK) { /* a plain thread blocks itself */
        return 1;
    }
    noh_ref readers[3];
    noh_future answers[3];
    for (int i = 0; i < 3; i++) { /* one worker, and all three read at the same time */
        readers[i] = noh_spawn(me, librarian);
        noh_ask(me, readers[i], measure, &answers[i], .path = path);
    }
    for (int i = 0; i < 3; i++) {
        size answer;
        if (noh_await(me, answers[i], size, NOH_FOREVER, &answer) == NOH_OK) {
            printf("%d lines, %d bytes\n", (int)answer.lines, (int)answer.bytes);
        }
    }
    unlink(path);
    size answer;
    noh_err err = noh_call(me, readers[0], measure, &answer, .path = path);
    printf("%s: %s\n", noh_err_name(err), noh_error_text(me));
    seen files;
    if (noh_call(me, readers[0], how_many, &files) == NOH_OK) {
        printf("files read: %d\n", files.files);
    }
    noh_system_free(system);
    return 0;
}

// expect: 3 lines, 19 bytes
// expect: 3 lines, 19 bytes
// expect: 3 lines, 19 bytes
// expect: NOH_E_NOT_FOUND: No such file or directory
// expect: files read: 1
