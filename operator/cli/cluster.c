/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster.h"

#include "base/version.h"
#include "kube/credentials.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_INFLIGHT 16

/* Answers that are still to come; the loop runs until there are none. */
struct round {
    struct loop *loop;
    size_t pending;
};

struct question {
    struct round *round;
    struct cluster_answer *answer;
};

static void warned(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "Warning: %s\n", text);
}

int cluster_load(const struct cluster_source *source, struct kubeconfig *ret, struct err *err)
{
    const struct kubeconfig_source from = {
        .path = source->kubeconfig,
        .context = source->context,
        .env = getenv("KUBECONFIG"),
        .home = getenv("HOME"),
        .service_host = getenv("KUBERNETES_SERVICE_HOST"),
        .service_port = getenv("KUBERNETES_SERVICE_PORT"),
    };
    return kubeconfig_load(&from, ret, err);
}

int cluster_open(const struct cluster_source *source, struct cluster *ret, struct err *err)
{
    static const struct kube_options options = {
        .max_inflight = MAX_INFLIGHT,
        .user_agent = "meshgateway/" MESHGATEWAY_VERSION,
        .warning = warned,
    };
    if (cluster_load(source, &ret->kubeconfig, err) < 0)
        return -1;
    ret->loop = loop_new();
    ret->credentials = credentials_new(ret->loop, &ret->kubeconfig);
    ret->kube = kube_new(ret->loop, ret->credentials, &options, err);
    return ret->kube ? 0 : -1;
}

void cluster_close(struct cluster *cluster)
{
    if (cluster->kube)
        kube_free(cluster->kube);
    if (cluster->loop) {
        credentials_free(cluster->credentials);
        loop_free(cluster->loop);
    }
    kubeconfig_done(&cluster->kubeconfig);
    *cluster = (struct cluster){.loop = NULL};
}

static void answered(void *arg, const struct kube_reply *reply)
{
    struct question *question = arg;
    question->answer->object = REF(reply->object);
    question->answer->err = reply->err;
    if (--question->round->pending == 0)
        loop_stop(question->round->loop);
}

void cluster_ask(struct cluster *cluster, const struct kube_request *requests, size_t count,
                 struct cluster_answer *answers)
{
    struct round round = {.loop = cluster->loop, .pending = count};
    AUTO_FREE struct question *questions = xcalloc(count + 1, sizeof(*questions));
    for (size_t i = 0; i < count; i++) {
        answers[i] = (struct cluster_answer){.object = NULL};
        questions[i] = (struct question){.round = &round, .answer = &answers[i]};
        (void)kube_call(cluster->kube, &requests[i], answered, &questions[i]);
    }
    if (count > 0)
        loop_run(cluster->loop);
}

static void waited(void *arg)
{
    loop_stop(arg);
}

void cluster_wait(struct cluster *cluster, int ms)
{
    struct loop_timer *timer = loop_timer_new(cluster->loop, waited, cluster->loop);
    loop_timer_start(timer, ms);
    loop_run(cluster->loop);
    loop_timer_free(timer);
}
