/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Head: what a request must look like before an actor sees it.
 *
 * Purpose     Two readers of one connection, a proxy and we, must never disagree about where a
 *             request ends. libmicrohttpd is lenient there, so everything that could be read in two
 *             ways is refused here, before the body is read.
 * Invariants  HED-1  at most one Content-Length, of digits; never together with a
 *                    Transfer-Encoding, which may only be "chunked", once, and not in HTTP/1.0.
 *             HED-2  exactly one Host in HTTP/1.1, at most one in HTTP/1.0; it is a host, and the
 *                    one that the target names, if it names one.
 *             HED-3  names and methods are tokens; values and targets hold no control character.
 *             HED-4  every byte of the head belongs to a part that we saw: the sizes of the parts,
 *                    with one blank and one CRLF where the grammar has them, add up to the size of
 *                    the head. A bare LF, a folded line, a NUL that cuts a value short or a second
 *                    blank in the request line each break the sum.
 *             HED-5  a target is a path, or a path behind http:// and a host; * for OPTIONS only.
 * Why not     a parser of our own: libmicrohttpd's is kept and fuzzed by others. HED-4 shows what
 *             it swallowed without reading the head a second time. */
#include "head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What a whole target begins with. There is no TLS here, so a client means no other. */
#define SCHEME "http://"

static nohi_target_form form_of(const char *text, size_t *ret_path_at);
static bool is_host(const char *text, size_t size);
static unsigned verdict_on_wish(const nohi_head *head, const nohi_head_limits *limits);
static bool names_its_host(const nohi_head *head);
static bool read_length(const char *text, uint64_t *ret_length);
static void note(nohi_head *head, const char *name, size_t name_size, const char *value);

nohi_target nohi_head_read_target(const char *text)
{
    nohi_target t = {.text = text, .is_good = true};
    t.form = form_of(text, &t.path_at);
    bool has_query = false;
    size_t i = 0;
    for (; text[i] != '\0'; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f) {
            t.is_good = false;
        } else if (c == '?' && !has_query) {
            has_query = true;
            t.query_at = i;
        } else if (c == '%' && text[i + 1] == '0' && text[i + 2] == '0') {
            t.is_good = false;
        }
    }
    t.size = i;
    if (!has_query) {
        t.query_at = i;
    }
    return t;
}

/* [HED-5] */
static nohi_target_form form_of(const char *text, size_t *ret_path_at)
{
    if (text[0] == '/') {
        return NOHI_TARGET_PATH;
    }
    if (strcmp(text, "*") == 0) {
        return NOHI_TARGET_ASTERISK;
    }
    if (strncasecmp(text, SCHEME, strlen(SCHEME)) != 0) {
        return NOHI_TARGET_OTHER;
    }
    size_t host_size = strcspn(text + strlen(SCHEME), "/?");
    if (!is_host(text + strlen(SCHEME), host_size)) {
        return NOHI_TARGET_OTHER;
    }
    *ret_path_at = strlen(SCHEME) + host_size;
    return NOHI_TARGET_WHOLE;
}

void nohi_head_init(nohi_head *head, const char *method, nohi_target target, const char *version,
                    noh_http_header *headers)
{
    size_t method_size = strlen(method);
    *head = (nohi_head){.method = method, .target = target, .version = version, .headers = headers};
    /* METHOD SP target SP HTTP/1.1 CRLF, and the CRLF that ends the head */
    head->size = method_size + 1 + target.size + 1 + strlen(version) + 2 + 2;
    head->is_bad = !target.is_good || !nohi_head_is_token(method, method_size);
}

void nohi_head_add(nohi_head *head, const nohi_head_limits *limits, const char *name,
                   size_t name_size, const char *value, size_t value_size)
{
    if (head->count < limits->headers) {
        head->headers[head->count].name = name;
        head->headers[head->count].value = value;
    }
    head->count++;
    /* The value stands behind its name, the colon and some blanks: name ':' blanks value CRLF.
     * Where it stands elsewhere the parser had to move it, as it does for folded lines. */
    size_t gap = (size_t)((uintptr_t)value - (uintptr_t)name) - name_size; /* ':' and blanks */
    if (gap == 0 || gap > limits->bytes) {
        head->is_bad = true;
        gap = 1;
    }
    head->size += name_size + gap + value_size + 2;
    if (!nohi_head_is_token(name, name_size) || !nohi_head_is_value(value, value_size)) {
        head->is_bad = true;
        return;
    }
    note(head, name, name_size, value);
}

unsigned nohi_head_verdict(const nohi_head *head, const nohi_head_limits *limits, size_t size)
{
    bool is_1_0 = strcmp(head->version, "HTTP/1.0") == 0;
    if (head->target.size > limits->target) {
        return 414;
    }
    if (head->count > limits->headers ||
        head->size + head->count * NOHI_HEAD_PER_HEADER > limits->bytes) {
        return 431;
    }
    if (head->is_bad) {
        return 400;
    }
    if (size != 0 && size != head->size) { /* [HED-4] */
        return 400;
    }
    if (head->hosts > 1 || (head->hosts == 0 && !is_1_0) || !names_its_host(head)) { /* [HED-2] */
        return 400;
    }
    if (head->lengths + head->encodings > 1) { /* [HED-1] */
        return 400;
    }
    if (head->encodings > 0 && (!head->is_chunked || is_1_0)) { /* [HED-1] */
        return 400;
    }
    return verdict_on_wish(head, limits);
}

/* It can be understood in one way only; can it be served? */
static unsigned verdict_on_wish(const nohi_head *head, const nohi_head_limits *limits)
{
    if (strcmp(head->method, "CONNECT") == 0) {
        return 501;
    }
    if (head->target.form == NOHI_TARGET_OTHER || /* [HED-5] */
        (head->target.form == NOHI_TARGET_ASTERISK && strcmp(head->method, "OPTIONS") != 0)) {
        return 400;
    }
    if (head->expects_other) {
        return 417;
    }
    return head->body_size > limits->body ? 413 : 0;
}

static void note(nohi_head *head, const char *name, size_t name_size, const char *value)
{
    if (name_size == 4 && strcasecmp(name, "Host") == 0) {
        head->hosts++;
        head->host = head->host == NULL ? value : head->host;
        head->is_bad |= !is_host(value, strlen(value));
    } else if (name_size == 14 && strcasecmp(name, "Content-Length") == 0) {
        head->lengths++;
        head->is_bad |= !read_length(value, &head->body_size);
    } else if (name_size == 17 && strcasecmp(name, "Transfer-Encoding") == 0) {
        head->encodings++;
        head->is_chunked = strcasecmp(value, "chunked") == 0;
    } else if (name_size == 6 && strcasecmp(name, "Cookie") == 0) {
        head->cookie_size = head->cookie_size == 0 ? strlen(value) : head->cookie_size;
    } else if (name_size == 6 && strcasecmp(name, "Expect") == 0) {
        head->expects_other |= strcasecmp(value, "100-continue") != 0;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'z';
}

/* A host and perhaps a port: name, name:80, 127.0.0.1, [::1]:80. Fewer characters than RFC 3986 has:
 * no escapes, which only another reader would decode, and no comma, which may join two hosts. */
static bool is_host(const char *text, size_t size)
{
    size_t i = 0;
    if (text[0] == '[') {
        do {
            i++;
        } while (isxdigit((unsigned char)text[i]) || text[i] == ':' || text[i] == '.');
        if (i == 1 || text[i++] != ']') {
            return false;
        }
    } else {
        while (is_letter(text[i]) || is_digit(text[i]) || text[i] == '.' || text[i] == '-' ||
               text[i] == '_' || text[i] == '~') {
            i++;
        }
    }
    if (i > 0 && i < size && text[i] == ':') {
        do {
            i++;
        } while (is_digit(text[i]));
    }
    return i > 0 && i == size;
}

static bool names_its_host(const nohi_head *head)
{
    const nohi_target *target = &head->target;
    if (target->form != NOHI_TARGET_WHOLE || head->host == NULL) {
        return true;
    }
    size_t size = target->path_at - strlen(SCHEME);
    return strlen(head->host) == size &&
           strncasecmp(target->text + strlen(SCHEME), head->host, size) == 0;
}

static nohi_target_form form_of(const char *text, size_t *ret_path_at);
static bool is_host(const char *text, size_t size);
static bool names_its_host(const nohi_head *head);
static bool read_length(const char *text, uint64_t *ret_length)
{
    uint64_t length = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9'; i++) {
        if (i >= 18) { /* beyond every limit, and before an overflow */
            return false;
        }
        length = length * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_length = length;
    return i > 0 && text[i] == '\0';
}

/* A character of a token, RFC 9110 5.6.2. */
static bool is_token_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' ||
           (c != '\0' && strchr("!#$%&'*+.^_`|~", c) != NULL);
}

bool nohi_head_is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_token_char(text[i])) {
            return false;
        }
    }
    return size > 0;
}

bool nohi_head_is_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}
