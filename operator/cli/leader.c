/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/leader.h"

#include "base/log.h"
#include "base/rnd.h"
#include "base/strbuf.h"
#include "kube/lease.h"

#include <ctype.h>
#include <stdlib.h>

#define REQUEST_MIN_MS 1000

struct leader {
    struct kube *kube; /* of the Lease alone: not behind others' calls, and with a short deadline */
    struct kube_timing timing;
    struct lease *lease;
    char *identity;
    char *name; /* "namespace/name" of the Lease, for the log */
    const struct leader_sink *sink;
    void *arg;
};

int leader_check(struct leader_options *options, const struct kubeconfig *kubeconfig,
                 struct err *err)
{
    if (!options->elect)
        return 0;
    if (options->duration_ms % 1000 != 0)
        return err_set(
            err, ERR_INVALID, "--leader-elect-lease-duration: must be whole seconds, like 15s");
    if (options->duration_ms <= options->renew_deadline_ms)
        return err_set(err,
                       ERR_INVALID,
                       "--leader-elect-lease-duration (%gs) must be longer than "
                       "--leader-elect-renew-deadline (%gs)",
                       options->duration_ms / 1000.0,
                       options->renew_deadline_ms / 1000.0);
    if (options->renew_deadline_ms <= options->retry_period_ms * 1.2)
        return err_set(err,
                       ERR_INVALID,
                       "--leader-elect-renew-deadline (%gs) must be longer than 1.2 times "
                       "--leader-elect-retry-period (%gs)",
                       options->renew_deadline_ms / 1000.0,
                       options->retry_period_ms / 1000.0);
    if (!options->ns && !kubeconfig->context)
        options->ns = kubeconfig->ns;
    if (!options->ns)
        return err_set(
            err, ERR_INVALID, "--leader-elect outside a pod needs --leader-elect-namespace");
    return 0;
}

/* It goes into a header, too. */
char *leader_identity(const char *hostname)
{
    char *identity = xasprintf("%s_%08x-%04x-4%03x-%04x-%06x%06x",
                               hostname,
                               (unsigned)rnd_between(0, 0xffffffff),
                               (unsigned)rnd_between(0, 0xffff),
                               (unsigned)rnd_between(0, 0xfff),
                               (unsigned)rnd_between(0x8000, 0xbfff),
                               (unsigned)rnd_between(0, 0xffffff),
                               (unsigned)rnd_between(0, 0xffffff));
    for (char *c = identity; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '_')
            *c = '-';
    return identity;
}

static void on_won(void *arg)
{
    const struct leader *leader = arg;
    LOG_INFO("leading", LS("lease", leader->name), LS("identity", leader->identity));
    leader->sink->won(leader->arg);
}

static void on_lost(void *arg, const char *why)
{
    const struct leader *leader = arg;
    LOG_ERROR("leader election lost", LS("lease", leader->name), LS("err", why));
    leader->sink->lost(leader->arg);
}

static void on_holder(void *arg, const char *identity)
{
    const struct leader *leader = arg;
    if (identity[0])
        LOG_INFO("another one leads", LS("lease", leader->name), LS("holder", identity));
    else
        LOG_DEBUG("nobody leads", LS("lease", leader->name));
}

static void on_trouble(void *arg, const struct err *err)
{
    const struct leader *leader = arg;
    if (err)
        LOG_WARN("no access to the lease", LS("lease", leader->name), LS("err", err->msg));
    else
        LOG_INFO("access to the lease again", LS("lease", leader->name));
}

static const struct lease_sink lease_sink = {
    .won = on_won,
    .lost = on_lost,
    .holder = on_holder,
    .trouble = on_trouble,
};

static int shorter(int a, int b)
{
    return a < b ? a : b;
}

struct leader *leader_new(const struct leader_options *options, struct loop *loop,
                          struct credentials *credentials, const struct kube_options *kube,
                          const char *identity, const struct leader_sink *sink, void *arg,
                          struct err *err)
{
    struct leader *leader = xcalloc(1, sizeof(*leader));
    leader->identity = xstrdup(identity);
    leader->name = xasprintf("%s/%s", options->ns, options->lease);
    leader->sink = sink;
    leader->arg = arg;
    /* Two attempts fit into the time that there is for a renewal. */
    int half = options->renew_deadline_ms / 2;
    leader->timing = kube_timing_default;
    leader->timing.request = half > REQUEST_MIN_MS ? half : REQUEST_MIN_MS;
    leader->timing.connect = shorter(leader->timing.connect, leader->timing.request);
    struct kube_options own = *kube;
    own.max_inflight = 1;
    own.timing = &leader->timing;
    leader->kube = kube_new(loop, credentials, &own, err);
    if (!leader->kube) {
        leader_free(leader);
        return NULL;
    }
    leader->lease = lease_new(&(const struct lease_options){
        .loop = loop,
        .kube = leader->kube,
        .ns = options->ns,
        .name = options->lease,
        .identity = leader->identity,
        .duration_ms = options->duration_ms,
        .renew_deadline_ms = options->renew_deadline_ms,
        .retry_period_ms = options->retry_period_ms,
        .sink = &lease_sink,
        .arg = leader,
    });
    return leader;
}

void leader_free(struct leader *leader)
{
    if (!leader)
        return;
    lease_free(leader->lease);
    kube_free(leader->kube);
    free(leader->identity);
    free(leader->name);
    free(leader);
}

void leader_fence(struct leader *leader, struct kube *kube)
{
    kube_set_fence(kube, lease_may_write, leader->lease);
}

void leader_release(struct leader *leader, loop_cb *released, void *arg)
{
    lease_release(leader->lease, released, arg);
}

bool leader_is_alive(const struct leader *leader, struct strbuf *reason)
{
    bool alive = lease_is_alive(leader->lease);
    if (!alive)
        strbuf_adds(reason, "the lease is held, but not renewed");
    return alive;
}

bool leader_is_ready(const struct leader *leader, struct strbuf *reason)
{
    struct err err;
    bool ready = lease_is_allowed(leader->lease, &err);
    if (!ready)
        strbuf_addf(reason, "lease %s: %s", leader->name, err.msg);
    return ready;
}
