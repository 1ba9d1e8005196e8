/* SPDX-License-Identifier: Apache-2.0 */
/* run: the operator, until it is told to stop. */
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/version.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/leader.h"
#include "cli/options.h"
#include "cli/procmetrics.h"
#include "cli/securemetrics.h"
#include "cli/settings.h"
#include "control/manager.h"
#include "kube/credentials.h"
#include "net/httpd.h"
#include "net/probes.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Passes under way get this long to end after SIGTERM; a pod has 30 s by default. */
#define DRAIN_MS 20000

struct run_options {
    struct cluster_source cluster;
    struct options_list namespaces;
    const char *selector;
    struct settings settings;
    struct leader_options leader;
    const char *metrics_address;
    bool metrics_secure;
    const char *metrics_cert_path, *metrics_cert_name, *metrics_cert_key;
    const char *health_address;
    int max_inflight;
    const char *max_rolling;
    bool ignore_mesh_config;
    const char *log_level;
};

static const struct options_item items[] = {
    CLUSTER_OPTIONS(struct run_options, cluster),
    {.name = "namespace",
     .letter = 'n',
     .type = OPTIONS_LIST,
     .value = "NAME",
     .offset = offsetof(struct run_options, namespaces),
     .help = "look after this namespace only; may be repeated; default: all"},
    {.name = "selector",
     .letter = 'l',
     .type = OPTIONS_TEXT,
     .value = "SELECTOR",
     .offset = offsetof(struct run_options, selector),
     .help = "look after MeshGateways with these labels only, as in kubectl;\ndefault: all"},
    SETTINGS_OPTIONS(struct run_options, settings),
    LEADER_OPTIONS(struct run_options, leader),
    {.name = "metrics-bind-address",
     .type = OPTIONS_TEXT,
     .value = "ADDRESS",
     .offset = offsetof(struct run_options, metrics_address),
     .help = "where /metrics is served; 0: nowhere; default: :8080"},
    {.name = "metrics-secure",
     .type = OPTIONS_FLAG,
     .offset = offsetof(struct run_options, metrics_secure),
     .help = "serve /metrics over HTTPS, to bearer tokens that may get that path"},
    {.name = "metrics-cert-path",
     .type = OPTIONS_TEXT,
     .value = "DIRECTORY",
     .offset = offsetof(struct run_options, metrics_cert_path),
     .help = "where the certificate for that is, read again when it changes;\n"
             "default: one is made at start"},
    {.name = "metrics-cert-name",
     .type = OPTIONS_TEXT,
     .value = "FILE",
     .offset = offsetof(struct run_options, metrics_cert_name),
     .help = "its name there; default: tls.crt"},
    {.name = "metrics-cert-key",
     .type = OPTIONS_TEXT,
     .value = "FILE",
     .offset = offsetof(struct run_options, metrics_cert_key),
     .help = "the name of its key; default: tls.key"},
    {.name = "health-probe-bind-address",
     .type = OPTIONS_TEXT,
     .value = "ADDRESS",
     .offset = offsetof(struct run_options, health_address),
     .help = "where /healthz and /readyz are served; 0: nowhere;\ndefault: :8081"},
    {.name = "max-inflight",
     .type = OPTIONS_NUMBER,
     .value = "N",
     .offset = offsetof(struct run_options, max_inflight),
     .min = 1,
     .max = 1000,
     .help = "requests to the API server at a time, watches aside; default: 32"},
    {.name = "max-rolling",
     .type = OPTIONS_TEXT,
     .value = "N|N%",
     .offset = offsetof(struct run_options, max_rolling),
     .help = "gateways that replace their pods at a time when the mesh or the\n"
             "operator changes, not the MeshGateway; default: 10%"},
    {.name = "ignore-mesh-config",
     .type = OPTIONS_FLAG,
     .offset = offsetof(struct run_options, ignore_mesh_config),
     .help = "take nothing from istiod's ConfigMaps"},
    {.name = "log-level",
     .type = OPTIONS_CHOICE,
     .value = "error|warn|info|debug",
     .offset = offsetof(struct run_options, log_level),
     .help = "how much is logged; default: info"},
    {.name = NULL},
};

const struct options_command cmd_run_options = {
    .name = "run",
    .synopsis = "[OPTION]...",
    .description =
        "Runs the operator: watches MeshGateways and keeps their objects in step, until\n"
        "SIGTERM or SIGINT. Logs JSON lines on stderr. An API server that is not there\n"
        "yet is waited for.",
    .example = "  meshgateway run --kubeconfig ~/.kube/config --namespace edge",
    .items = items,
};

/* Everything that run owns, in the order in which it is made. */
struct runtime {
    struct config config;
    struct kubeconfig kubeconfig;
    struct loop *loop;
    struct credentials *credentials;
    struct kube *kube;
    char *identity;        /* of this process */
    struct leader *leader; /* NULL: there is no election */
    struct manager *manager;
    struct securemetrics *secure; /* NULL: metrics are for everybody */
    struct httpd *metrics, *health;
    struct loop_signal *signals[2];
    struct loop_timer *drain;
    bool stopping;
    int status;
};

static int serve_metrics(void *arg, const struct httpd_request *request, struct strbuf *body)
{
    (void)arg;
    (void)request;
    return metrics_render(body) < 0 ? 500 : 200;
}

static bool passes_end(void *arg, struct strbuf *reason)
{
    const struct runtime *run = arg;
    bool alive = manager_is_alive(run->manager);
    if (!alive)
        strbuf_adds(reason, "no pass ends any more");
    return alive;
}

static bool watches_work(void *arg, struct strbuf *reason)
{
    const struct runtime *run = arg;
    return manager_is_ready(run->manager, reason);
}

static bool goes_on(void *arg, struct strbuf *reason)
{
    const struct runtime *run = arg;
    if (run->stopping)
        strbuf_adds(reason, "told to stop");
    return !run->stopping;
}

static bool lease_is_renewed(void *arg, struct strbuf *reason)
{
    const struct runtime *run = arg;
    return !run->leader || leader_is_alive(run->leader, reason);
}

static bool lease_is_known(void *arg, struct strbuf *reason)
{
    const struct runtime *run = arg;
    return !run->leader || leader_is_ready(run->leader, reason);
}

static const struct probes_check live_checks[] = {
    {"lease", lease_is_renewed},
    {"passes", passes_end},
    {.name = NULL},
};
static const struct probes_check ready_checks[] = {
    {"lease", lease_is_known},
    {"watches", watches_work},
    {"shutdown", goes_on},
    {.name = NULL},
};

/* As /readyz, for alerts. */
static void refresh_ready(void *arg)
{
    metrics_set(metrics_gauge("meshgateway_ready",
                              "1: every kind has been seen whole, and none is refused now.",
                              NULL),
                probes_pass(arg));
}

static void stop_loop(void *arg)
{
    struct runtime *run = arg;
    loop_stop(run->loop);
}

static void drained_too_late(void *arg)
{
    LOG_WARN("passes did not end in time");
    stop_loop(arg);
}

/* The lease is given back when nothing is written any more, not before. */
static void drained(void *arg)
{
    struct runtime *run = arg;
    loop_timer_stop(run->drain);
    if (run->leader)
        leader_release(run->leader, stop_loop, run);
    else
        loop_stop(run->loop);
}

static void told_to_stop(void *arg)
{
    struct runtime *run = arg;
    if (run->stopping) {
        run->status = EXIT_FAILURE;
        loop_stop(run->loop);
        return;
    }
    LOG_INFO("stopping");
    run->stopping = true;
    loop_timer_start(run->drain, DRAIN_MS);
    manager_stop(run->manager, drained, run);
}

static void won(void *arg)
{
    const struct runtime *run = arg;
    if (!run->stopping)
        manager_lead(run->manager);
}

/* At once: no pass ends, no event is sent, and what is on its way is cut off. */
static void lost(void *arg)
{
    struct runtime *run = arg;
    run->status = EXIT_FAILURE;
    kube_abandon(run->kube);
    loop_stop(run->loop);
}

static const struct leader_sink leader_sink = {.won = won, .lost = lost};

static void warned(void *arg, const char *text)
{
    (void)arg;
    LOG_WARN("the API server warns", LS("err", text));
}

/*
 * Tokens and keys are in our memory, so none of it goes to a core file. The limit alone is not
 * enough: it does not hold where the kernel pipes cores to a program (core(5)). Not dumpable also
 * means that nobody under the same user may trace us.
 */
static void keep_memory_private(void)
{
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

static int load(struct run_options *options, struct runtime *run, struct err *err)
{
    if (settings_load(&options->settings, &run->config, err) < 0)
        return -1;
    if (cluster_load(&options->cluster, &run->kubeconfig, err) < 0)
        return -1;
    if (leader_check(&options->leader, &run->kubeconfig, err) == 0)
        return 0;
    run->status = EXIT_USAGE;
    return -1;
}

/* An address that makes no sense is wrong usage; one that cannot be had is a failure. */
static int listen_on(struct runtime *run, const char *option, const struct httpd_options *options,
                     struct httpd **ret, struct err *err)
{
    if (httpd_new(run->loop, options, ret, err) == 0)
        return 0;
    if (err && err->kind == ERR_INVALID)
        run->status = EXIT_USAGE;
    return err_wrap(err, "%s", option);
}

static int listen_for_metrics(const struct run_options *options, const struct httpd_route *routes,
                              struct runtime *run, struct err *err)
{
    struct httpd_options httpd = {.address = options->metrics_address, .routes = routes};
    if (options->metrics_cert_path && !options->metrics_secure) {
        run->status = EXIT_USAGE;
        return err_set(err, ERR_INVALID, "--metrics-cert-path needs --metrics-secure");
    }
    if (options->metrics_secure) {
        run->secure = securemetrics_new(run->kube,
                                        options->metrics_cert_path,
                                        options->metrics_cert_name,
                                        options->metrics_cert_key,
                                        err);
        if (!run->secure)
            return err_wrap(err, "--metrics-secure");
        securemetrics_apply(run->secure, &httpd);
    }
    return listen_on(run, "--metrics-bind-address", &httpd, &run->metrics, err);
}

/* Whether it is a selector the API server says; but not if it could not be sent, or selects all. */
static int check_selector(const char *selector, struct err *err)
{
    if (selector && selector[strspn(selector, " ")] == '\0')
        return err_set(err, ERR_INVALID, "--selector: is empty; without it, all are looked after");
    if (selector && strlen(selector) > LIMIT_SELECTOR)
        return err_set(err, ERR_INVALID, "--selector: is longer than %zu bytes", LIMIT_SELECTOR);
    return 0;
}

static int connect_to_cluster(const struct run_options *options, const char *const *namespaces,
                              const char *instance, struct runtime *run, struct err *err)
{
    struct rolls_limit max_rolling;
    if (check_selector(options->selector, err) < 0) {
        run->status = EXIT_USAGE;
        return -1;
    }
    if (rolls_parse_limit(options->max_rolling, &max_rolling) < 0) {
        run->status = EXIT_USAGE;
        return err_set(err,
                       ERR_INVALID,
                       "--max-rolling: must be a number from 1, or a percentage from 1%% to 100%%");
    }
    run->credentials = credentials_new(run->loop, &run->kubeconfig);
    /* Audit logs tell the replicas apart by this. */
    run->identity = leader_identity(instance);
    AUTO_FREE char *user_agent =
        xasprintf("meshgateway/" MESHGATEWAY_VERSION " (%s)", run->identity);
    struct kube_options kube = {
        .max_inflight = options->max_inflight,
        .user_agent = user_agent,
        .warning = warned,
    };
    run->kube = kube_new(run->loop, run->credentials, &kube, err);
    if (!run->kube)
        return -1;
    if (options->leader.elect) {
        run->leader = leader_new(&options->leader,
                                 run->loop,
                                 run->credentials,
                                 &kube,
                                 run->identity,
                                 &leader_sink,
                                 run,
                                 err);
        if (!run->leader)
            return -1;
        leader_fence(run->leader, run->kube);
    }
    struct manager_options manager = {
        .loop = run->loop,
        .kube = run->kube,
        .config = &run->config,
        .namespaces = namespaces,
        .selector = options->selector,
        .max_inflight = options->max_inflight,
        .max_rolling = max_rolling,
        .standby = options->leader.elect,
        .ignore_mesh_config = options->ignore_mesh_config,
        .instance = instance,
    };
    run->manager = manager_new(&manager);
    return 0;
}

static void handle_signals(struct runtime *run)
{
    run->drain = loop_timer_new(run->loop, drained_too_late, run);
    run->signals[0] = loop_signal_new(run->loop, SIGTERM, told_to_stop, run);
    run->signals[1] = loop_signal_new(run->loop, SIGINT, told_to_stop, run);
}

static void stop_serving(struct runtime *run)
{
    for (size_t i = 0; i < ARRAY_LEN(run->signals); i++)
        loop_signal_free(run->signals[i]);
    loop_timer_free(run->drain);
    manager_free(run->manager);
    httpd_free(run->health);
    securemetrics_stop(run->secure);
    httpd_free(run->metrics);
    securemetrics_free(run->secure);
    kube_free(run->kube);
    leader_free(run->leader);
    free(run->identity);
    credentials_free(run->credentials);
    metrics_reset();
}

static int run_until_stopped(const struct run_options *options, struct runtime *run,
                             struct err *err)
{
    const struct httpd_route metrics[] = {
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", serve_metrics, run},
        {.handler = NULL},
    };
    struct probes live = {"/healthz", 500, live_checks, run};
    struct probes ready = {"/readyz", 503, ready_checks, run};
    const struct httpd_route health[] = {
        {"/healthz", NULL, probes_serve, &live},
        {"/healthz/", NULL, probes_serve, &live},
        {"/readyz", NULL, probes_serve, &ready},
        {"/readyz/", NULL, probes_serve, &ready},
        {.handler = NULL},
    };
    AUTO_FREE const char **namespaces = xcalloc(options->namespaces.count + 1, sizeof(*namespaces));
    for (size_t i = 0; i < options->namespaces.count; i++)
        namespaces[i] = options->namespaces.items[i];
    char instance[256] = "meshgateway";
    gethostname(instance, sizeof(instance) - 1);
    handle_signals(run);
    int result = -1;
    const struct httpd_options probes = {.address = options->health_address, .routes = health};
    if (connect_to_cluster(options, namespaces, instance, run, err) == 0 &&
        listen_for_metrics(options, metrics, run, err) == 0 &&
        listen_on(run, "--health-probe-bind-address", &probes, &run->health, err) == 0) {
        procmetrics_register();
        metrics_on_render(refresh_ready, &ready);
        LOG_INFO("started",
                 LS("version", MESHGATEWAY_VERSION),
                 LS("server", run->kubeconfig.server),
                 LS("identity", run->identity));
        loop_run(run->loop);
        LOG_INFO("stopped");
        result = 0;
    }
    stop_serving(run);
    return result;
}

int cmd_run(int argc, char **argv)
{
    struct run_options options = {.metrics_address = ":8080",
                                  .metrics_cert_name = "tls.crt",
                                  .metrics_cert_key = "tls.key",
                                  .health_address = ":8081",
                                  .leader = LEADER_DEFAULTS,
                                  .max_inflight = 32,
                                  .max_rolling = "10%",
                                  .log_level = "info"};
    int status = EXIT_SUCCESS;
    if (!options_parse(&cmd_run_options, argc, argv, &options, &status)) {
        free(options.namespaces.items);
        settings_done(&options.settings);
        return status;
    }
    log_set_level((enum log_level)log_level_parse(options.log_level));
    keep_memory_private();
    struct runtime run = {.loop = loop_new()};
    struct err err = {0};
    if (load(&options, &run, &err) < 0 || run_until_stopped(&options, &run, &err) < 0) {
        fprintf(stderr, "meshgateway run: %s\n", err.msg);
        if (run.status == EXIT_SUCCESS)
            run.status = EXIT_FAILURE;
    }
    loop_free(run.loop);
    kubeconfig_done(&run.kubeconfig);
    config_done(&run.config);
    free(options.namespaces.items);
    settings_done(&options.settings);
    return run.status;
}
