/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/path.h"

#include <string.h>

static void add_encoded(struct strbuf *out, const char *text)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";
    for (const char *c = text; *c; c++) {
        if (strchr(unreserved, *c))
            strbuf_addc(out, *c);
        else
            strbuf_addf(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
}

/* "." and ".." would be taken out of the URL on the way, and lead somewhere else. */
static int add_part(struct strbuf *out, const char *part, struct err *err)
{
    if (part[0] == '\0' || strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
        return err_set(err, ERR_INVALID, "\"%s\" cannot be a name", part);
    strbuf_addc(out, '/');
    add_encoded(out, part);
    return 0;
}

int path_add(struct strbuf *out, const struct object_kind *kind, const char *ns, const char *name,
             const char *subresource, struct err *err)
{
    strbuf_adds(out, kind->group[0] ? "/apis" : "/api");
    if (kind->group[0] && add_part(out, kind->group, err) < 0)
        return -1;
    if (add_part(out, kind->version, err) < 0)
        return -1;
    if (ns) {
        strbuf_adds(out, "/namespaces");
        if (add_part(out, ns, err) < 0)
            return -1;
    }
    if (add_part(out, kind->resource, err) < 0)
        return -1;
    if (name && add_part(out, name, err) < 0)
        return -1;
    if (subresource && add_part(out, subresource, err) < 0)
        return -1;
    return 0;
}

void path_add_query(struct strbuf *out, const char *key, const char *value)
{
    if (!value)
        return;
    strbuf_addc(out, memchr(out->text, '?', out->len) ? '&' : '?');
    strbuf_adds(out, key);
    strbuf_addc(out, '=');
    add_encoded(out, value);
}
