/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes client by itself, for test_client.py: reads commands from stdin, writes what
 * comes of them to stdout, one line each.
 *
 *     watch                        watches ConfigMaps of the namespace: begin, object NAME VERSION,
 *                                  deleted NAME, synced, state REASON|ok
 *     apply|get|delete NAME [BODY] BODY: JSON of .data; -> reply VERB NAME HTTP REASON
 *     load COUNT WATCHES           applies COUNT ConfigMaps, those that got no answer up to twice
 *                                  more, as reconciling does; -> load WRITES FAILED AGAIN
 *     end
 */
#include "base/log.h"
#include "base/now.h"
#include "kube/credentials.h"
#include "kube/watch.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct object_kind config_map = {"", "v1", "configmaps", "ConfigMap"};

#define MAX_WATCHES 16

struct client {
    struct loop *loop;
    struct kube *kube;
    const char *ns;
    struct watch *watches[MAX_WATCHES];
    size_t watch_count;
    struct event *input;
    int calls; /* under way */
    bool ended;
    /* The load. */
    int to_send, on_way, sent, failed, again;
};

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

static void on_begin(void *arg)
{
    (void)arg;
    say("begin");
}

static void on_object(void *arg, json_t *object)
{
    (void)arg;
    AUTO_FREE char *line = xasprintf(
        "object %s %s %s",
        object_name(object),
        object_resource_version(object),
        json_object_get(jx_object(object, "metadata"), "managedFields") ? "managed" : "lean");
    say(line);
}

static void on_deleted(void *arg, json_t *object)
{
    (void)arg;
    AUTO_FREE char *line = xasprintf("deleted %s", object_name(object));
    say(line);
}

static void on_synced(void *arg)
{
    (void)arg;
    say("synced");
}

static void on_state(void *arg, const struct err *err)
{
    (void)arg;
    AUTO_FREE char *line = err ? xasprintf("state %s %d %s %s",
                                           err_kind_name(err->kind),
                                           err->http,
                                           err->reason[0] ? err->reason : "-",
                                           err->msg)
                               : xstrdup("state ok");
    say(line);
}

static const struct watch_sink talking = {
    .begin = on_begin,
    .object = on_object,
    .deleted = on_deleted,
    .synced = on_synced,
    .state = on_state,
};

static void quiet_object(void *arg, json_t *object)
{
    (void)arg;
    (void)object;
}

static void quiet(void *arg)
{
    (void)arg;
}

static const struct watch_sink quiet_sink = {
    .begin = quiet,
    .object = quiet_object,
    .deleted = quiet_object,
    .synced = quiet,
    .state = on_state,
};

struct order {
    struct client *client;
    const char *verb;
    char *name;
};

static void stop_when_done(struct client *client)
{
    if (client->ended && client->calls == 0)
        loop_stop(client->loop);
}

static void on_reply(void *arg, const struct kube_reply *reply)
{
    struct order *order = arg;
    AUTO_FREE char *line = xasprintf(
        "reply %s %s %d %s",
        order->verb,
        order->name,
        reply->err.kind ? reply->err.http : reply->http,
        reply->err.kind ? reply->err.reason[0] ? reply->err.reason : reply->err.msg : "ok");
    say(line);
    order->client->calls--;
    stop_when_done(order->client);
    free(order->name);
    free(order);
}

static json_t *intent(const struct client *client, const char *name, json_t *data)
{
    return OBJ(F("apiVersion", STR("v1")),
               F("kind", STR("ConfigMap")),
               F("metadata", OBJ(F("name", STR(name)), F("namespace", STR(client->ns)))),
               FOPT("data", data));
}

static void command_call(struct client *client, const char *verb, char *name)
{
    char *body = strchr(name, ' ');
    if (body)
        *body++ = '\0';
    json_auto_t *object = intent(client, name, body ? jx_parse(body, strlen(body), NULL) : NULL);
    struct order *order = xcalloc(1, sizeof(*order));
    *order = (struct order){.client = client, .name = xstrdup(name)};
    struct kube_request request = {.kind = &config_map, .ns = client->ns, .name = name};
    if (strcmp(verb, "apply") == 0) {
        order->verb = "apply";
        request.verb = KUBE_APPLY;
        request.manager = "test";
        request.body = object;
    } else if (strcmp(verb, "delete") == 0) {
        order->verb = "delete";
        request.verb = KUBE_DELETE;
    } else {
        order->verb = "get";
        request.verb = KUBE_GET;
    }
    client->calls++;
    kube_call(client->kube, &request, on_reply, order);
}

struct write {
    struct client *client;
    int number, tries;
};

static void send_write(struct write *write);
static void send_load(struct client *client);

static void on_load_reply(void *arg, const struct kube_reply *reply)
{
    struct write *write = arg;
    struct client *client = write->client;
    if (reply->err.kind == ERR_UNAVAILABLE && write->tries < 3) {
        client->again++;
        send_write(write);
        return;
    }
    free(write);
    client->on_way--;
    client->sent++;
    if (reply->err.kind && client->failed++ == 0)
        fprintf(stderr, "%s\n", reply->err.msg);
    send_load(client);
    if (client->on_way)
        return;
    AUTO_FREE char *line = xasprintf("load %d %d %d", client->sent, client->failed, client->again);
    say(line);
    client->calls--;
    stop_when_done(client);
}

static void send_write(struct write *write)
{
    AUTO_FREE char *name = xasprintf("load-%d", write->number);
    json_auto_t *object =
        intent(write->client, name, OBJ(F("key", jx_stringf("%d", (int)(now_ms() % 100000)))));
    write->tries++;
    kube_call(write->client->kube,
              &(const struct kube_request){.verb = KUBE_APPLY,
                                           .kind = &config_map,
                                           .ns = write->client->ns,
                                           .name = name,
                                           .body = object,
                                           .manager = "load"},
              on_load_reply,
              write);
}

static void send_load(struct client *client)
{
    while (client->to_send > 0 && client->on_way < 1000) {
        struct write *write = xcalloc(1, sizeof(*write));
        *write = (struct write){.client = client, .number = client->to_send--};
        client->on_way++;
        send_write(write);
    }
}

static void command_watch(struct client *client, const struct watch_sink *sink)
{
    if (client->watch_count < MAX_WATCHES)
        client->watches[client->watch_count++] = watch_new(
            client->kube, &config_map, &(struct kube_scope){.ns = client->ns}, sink, client);
}

static void command(struct client *client, char *line)
{
    char *rest = strchr(line, ' ');
    if (rest)
        *rest++ = '\0';
    if (strcmp(line, "watch") == 0) {
        command_watch(client, &talking);
    } else if (strcmp(line, "load") == 0 && rest) {
        char *end = rest;
        client->to_send = (int)strtol(rest, &end, 10);
        for (long watches = strtol(end, &end, 10); watches > 0; watches--)
            command_watch(client, &quiet_sink);
        client->sent = client->failed = client->again = 0;
        client->calls++;
        send_load(client);
    } else if (strcmp(line, "end") == 0) {
        client->ended = true;
        stop_when_done(client);
    } else if (rest) {
        command_call(client, line, rest);
    }
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct client *client = arg;
    AUTO_FREE char *line = NULL;
    size_t cap = 0;
    ssize_t len = getline(&line, &cap, stdin);
    if (len <= 0) {
        event_del(client->input);
        client->ended = true;
        stop_when_done(client);
        return;
    }
    line[strcspn(line, "\n")] = '\0';
    command(client, line);
}

static void on_warning(void *arg, const char *text)
{
    (void)arg;
    AUTO_FREE char *line = xasprintf("warning %s", text);
    say(line);
}

static int run(const char *path, struct kube_options *options, const char *ns)
{
    struct kubeconfig config;
    struct err err;
    const struct kubeconfig_source source = {.path = path};
    if (kubeconfig_load(&source, &config, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    struct client client = {.loop = loop_new(), .ns = ns};
    struct credentials *credentials = credentials_new(client.loop, &config);
    client.kube = kube_new(client.loop, credentials, options, &err);
    if (!client.kube) {
        fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* a line that is read ahead would wake nobody */
    client.input = event_new(loop_base(client.loop), 0, EV_READ | EV_PERSIST, on_input, &client);
    event_add(client.input, NULL);
    loop_run(client.loop);
    for (size_t i = 0; i < client.watch_count; i++)
        watch_free(client.watches[i]);
    event_free(client.input);
    kube_free(client.kube);
    credentials_free(credentials);
    kubeconfig_done(&config);
    loop_free(client.loop);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"kubeconfig", required_argument, NULL, 'k'},
                                          {"namespace", required_argument, NULL, 'n'},
                                          {"inflight", required_argument, NULL, 'i'},
                                          {"http2", no_argument, NULL, '2'},
                                          {NULL, 0, NULL, 0}};
    struct kube_options options = {
        .max_inflight = 32, .user_agent = "meshgateway-test", .warning = on_warning};
    const char *path = NULL;
    const char *ns = "default";
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'k')
            path = optarg;
        else if (option == 'n')
            ns = optarg;
        else if (option == 'i')
            options.max_inflight = (int)strtol(optarg, NULL, 10);
        else if (option == '2')
            options.http2 = true;
        else
            return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    log_set_level(LOG_LEVEL_DEBUG);
    int result = run(path, &options, ns);
    curl_global_cleanup();
    return result;
}
