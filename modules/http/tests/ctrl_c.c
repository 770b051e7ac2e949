/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a server that is told to end while a crowd is connected ends in order: within 2 s, with
 * status 0, without a complaint.
 * Method: the example server as a child process. A hundred clients keep their connection after an
 * answer, a hundred stay in the middle of a POST, twenty hurry to ask once more at the very end.
 *   ctrl_c PROGRAM */
#include "client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { CLIENTS = 200, LATE = 20 };

typedef struct child {
    pid_t pid;
    int output;
    int complaints;
    uint16_t port;
} child;

static child start(char *program)
{
    int output[2];
    int complaints[2];
    CHECK_EQ(pipe2(output, O_CLOEXEC), 0);
    CHECK_EQ(pipe2(complaints, O_CLOEXEC), 0);
    child c = {.pid = fork(), .output = output[0], .complaints = complaints[0]};
    CHECK(c.pid >= 0);
    if (c.pid == 0) {
        dup2(output[1], STDOUT_FILENO);
        dup2(complaints[1], STDERR_FILENO);
        execl(program, program, "--port", "0", (char *)NULL);
        _exit(127);
    }
    close(output[1]);
    close(complaints[1]);
    char line[64] = "";
    CHECK(read(c.output, line, sizeof line - 1) > 0); /* one line, in one piece */
    CHECK_EQ(sscanf(line, "http://127.0.0.1:%hu/", &c.port), 1);
    return c;
}

/* What it printed there, to the end. */
static void expect_silence(int fd)
{
    char text[1024] = "";
    ssize_t size = read(fd, text, sizeof text - 1);
    if (size != 0) {
        test_failed(__FILE__, __LINE__, "it complained: %s", text);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    CHECK_EQ(argc, 2);
    child server = start(argv[1]);
    client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(server.port);
        if (i % 2 == 0) {
            client_get(&clients[i], "/");
            client_expect(&clients[i], 200, "Hello world!");
        } else {
            client_send(&clients[i],
                        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf");
        }
    }
    for (int i = 0; i < 2 * LATE; i += 2) {
        client_get(&clients[i], "/");
    }
    int64_t began = client_now_ms();
    CHECK_EQ(kill(server.pid, SIGINT), 0);
    int status;
    CHECK_EQ(waitpid(server.pid, &status, 0), server.pid);
    int64_t took = client_now_ms() - began;
    printf("ended after %lld ms\n", (long long)took);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    CHECK(took <= 2000);
    expect_silence(server.complaints);
    close(server.output);
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&clients[i]);
    }
    return 0;
}
