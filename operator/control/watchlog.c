/* SPDX-License-Identifier: Apache-2.0 */
#include "control/watchlog.h"

#include "base/log.h"

static const char *place(const char *ns)
{
    return ns && ns[0] ? ns : "*";
}

void watchlog_complete(const struct object_kind *kind, const char *ns)
{
    LOG_INFO("watch complete", LS("kind", kind->kind), LS("namespace", place(ns)));
}

void watchlog_interrupted(const struct object_kind *kind, const char *ns, const struct err *err)
{
    LOG_WARN("watch interrupted",
             LS("kind", kind->kind),
             LS("namespace", place(ns)),
             LS("reason", err_kind_name(err->kind)),
             LS("err", err->msg));
}
