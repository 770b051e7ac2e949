/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The messages of http.h, and reading them. */
#include <noh/http.h>

#include <strings.h>

NOH_DEFINE_MESSAGE(noh_http_header, (noh_text, name), (noh_text, value));

NOH_DEFINE_MESSAGE(noh_http_response, (int32_t, status), (noh_text, content_type),
                   (noh_bytes, body), (list, struct, noh_http_header, headers),
                   (noh_text, location));

NOH_DEFINE_REQUEST(noh_http_response, noh_http_request, (noh_text, method), (noh_text, path),
                   (noh_text, query), (list, struct, noh_http_header, headers), (noh_bytes, body),
                   (noh_text, peer));

const char *noh_http_header_value(const noh_http_request *request, const char *name)
{
    if (request == NULL || name == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < request->headers.count; i++) {
        if (strcasecmp(request->headers.items[i].name, name) == 0) {
            return request->headers.items[i].value;
        }
    }
    return NULL;
}
