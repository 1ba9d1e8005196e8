/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig.h"
#include "support/tmpdir.h"
#include "support/unit.h"

#include "base/strbuf.h"

/* base64 of PEM boundaries around the word "body": enough for what the loader checks. */
#define CERT64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCmJvZHkKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define KEY64  "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCmJvZHkKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo="

static void add_list(struct strbuf *out, const char *name, char *const *list)
{
    for (size_t i = 0; list && list[i]; i++)
        strbuf_addf(out, "%s=%s\n", name, list[i]);
}

static void add(struct strbuf *out, const char *name, const char *value)
{
    if (value)
        strbuf_addf(out, "%s=%s\n", name, value);
}

/* Everything that is given, one field a line; the PEM texts by their length only. */
static char *describe(const struct kubeconfig *c)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(100000);
    add(&out, "server", c->server);
    add(&out, "ns", c->ns);
    add(&out, "context", c->context);
    add(&out, "ca_file", c->ca_file);
    add(&out, "ca_data", c->ca_data ? "PEM" : NULL);
    add(&out, "tls_server_name", c->tls_server_name);
    add(&out, "proxy_url", c->proxy_url);
    add(&out, "insecure", c->insecure_skip_tls_verify ? "true" : NULL);
    add(&out, "disable_compression", c->disable_compression ? "true" : NULL);
    add(&out, "client_cert_file", c->client_cert_file);
    add(&out, "client_cert_data", c->client_cert_data ? "PEM" : NULL);
    add(&out, "client_key_file", c->client_key_file);
    add(&out, "client_key_data", c->client_key_data ? "PEM" : NULL);
    add(&out, "token", c->token);
    add(&out, "token_file", c->token_file);
    add(&out, "username", c->username);
    add(&out, "password", c->password);
    add(&out, "as", c->impersonate_user);
    add(&out, "as-uid", c->impersonate_uid);
    add_list(&out, "as-group", c->impersonate_groups);
    add_list(&out, "as-extra", c->impersonate_extra);
    if (c->exec) {
        add(&out, "command", c->exec->command);
        add_list(&out, "arg", c->exec->args);
        add_list(&out, "env", c->exec->env);
        add(&out, "api_version", c->exec->api_version);
        add(&out, "hint", c->exec->install_hint);
        add(&out, "cluster_info", c->exec->cluster_info);
        add(&out, "interactive", c->exec->interactive ? "true" : NULL);
        add(&out, "needs_terminal", c->exec->needs_terminal ? "true" : NULL);
    }
    return strbuf_take(&out);
}

/* A text with every "@" replaced by the directory. */
static char *expand(const char *text, const char *dir)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(1000000);
    for (; *text; text++) {
        if (*text == '@')
            strbuf_adds(&out, dir);
        else
            strbuf_addc(&out, *text);
    }
    return strbuf_take(&out);
}

/* What is loaded, or the error's message. */
static char *load(const struct kubeconfig_source *source)
{
    AUTO(kubeconfig_done) struct kubeconfig config = {.server = NULL};
    struct err err = {.kind = ERR_NONE};
    if (kubeconfig_load(source, &config, &err) < 0)
        return xasprintf("%s\n", err.msg);
    ck_assert_int_eq(err.kind, ERR_NONE);
    return describe(&config);
}

#define CONTEXT                                                                                    \
    "contexts: [{name: x, context: {cluster: c, user: u, namespace: prod}}]\n"                     \
    "current-context: x\n"
#define CLUSTER "clusters: [{name: c, cluster: {server: 'https://h:6443'}}]\n"

/* The files of one user and of one cluster, and what comes of them. */
static const struct {
    const char *text, *want;
} users[] = {
    {"{token: secret}", "token=secret\n"},
    {"{tokenFile: t/token, token: old}", "token=old\ntoken_file=@/t/token\n"},
    {"{tokenFile: /abs/token}", "token_file=/abs/token\n"},
    {"{username: me, password: 'p:w'}", "username=me\npassword=p:w\n"},
    {"{client-certificate: c.pem, client-key: k.pem}",
     "client_cert_file=@/c.pem\nclient_key_file=@/k.pem\n"},
    {"{client-certificate: c.pem, client-certificate-data: " CERT64 ", client-key: x,"
     " client-key-data: " KEY64 "}",
     "client_cert_data=PEM\nclient_key_data=PEM\n"},
    {"{as: bob, as-uid: u1, as-groups: [g1, g2], token: t}",
     "token=t\nas=bob\nas-uid=u1\nas-group=g1\nas-group=g2\n"},
    {"{as: bob, as-user-extra: {scopes: [a b, c=d], 'x/y': [z], none: [], nil: null}}",
     "as=bob\nas-extra=scopes=a b\nas-extra=scopes=c=d\nas-extra=x/y=z\n"},
    {"{token: 'null'}", "token=null\n"},
    {"{username: '~', password: 'Null'}", "username=~\npassword=Null\n"},
    {"", ""},
    {"null", ""},
    {"{token: null}", ""},
    {"{token: ''}", ""},
    {"{unknown: {a: [1]}, token: t}", "token=t\n"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/p, interactiveMode: Never,"
     " args: [a, ''], env: [{name: A, value: b=c}, {name: E}], installHint: Install it.}}",
     "command=@/bin/p\narg=a\narg=\nenv=A=b=c\nenv=E=\n"
     "api_version=client.authentication.k8s.io/v1\nhint=Install it.\n"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: p, args: null}}",
     "command=p\napi_version=client.authentication.k8s.io/v1beta1\ninteractive=true\n"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: p, interactiveMode: Always}}",
     "command=p\napi_version=client.authentication.k8s.io/v1\ninteractive=true\n"
     "needs_terminal=true\n"},
    {"{token: t, exec: {apiVersion: nonsense}}", "token=t\n"},
    /* errors */
    {"{client-certificate: c.pem}", "!client-certificate needs client-key or client-key-data"},
    {"{client-key: c.pem}", "!client-key needs client-certificate or client-certificate-data"},
    {"{client-certificate-data: '%%', client-key: k}", "!client-certificate-data is not base64"},
    {"{client-certificate-data: " KEY64 ", client-key: k}",
     "!client-certificate-data does not hold PEM of the right kind"},
    {"{client-certificate: c, client-key-data: " CERT64 "}",
     "!client-key-data does not hold PEM of the right kind"},
    {"{token: \"a\\nb\"}", "!token holds a line break or another control character"},
    {"{as: \"a\\rb\"}", "!as holds a line break or another control character"},
    {"{token: t, username: u}", "!username and a token are both given: only one is allowed"},
    {"{username: 'a:b'}", "!username holds a colon"},
    {"{as-groups: [g]}", "!as-uid, as-groups or as-user-extra is given without as"},
    {"{as-user-extra: {k: [v]}}", "!as-uid, as-groups or as-user-extra is given without as"},
    {"{as: a, as-groups: ['']}", "!as-groups has an empty entry"},
    {"{as: a, as-user-extra: {'k=': [v]}}",
     "!as-user-extra has a key that is empty or holds \"=\""},
    {"{as: a, as-user-extra: {k: [1]}}", "!as-user-extra has a value that is not a string"},
    {"{as: a, as-user-extra: {k: [\"v\\n\"]}}",
     "!as-user-extra holds a line break or another control character"},
    {"{auth-provider: {name: gcp}}",
     "!auth-provider is not supported: Kubernetes has replaced it by exec plugins"},
    {"{exec: {command: p}}", "!exec.apiVersion is missing"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1}}", "!exec.command is missing"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: p}}",
     "!exec.apiVersion is neither client.authentication.k8s.io/v1 nor its v1beta1"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: p}}",
     "!exec.interactiveMode is missing"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: p, interactiveMode: never}}",
     "!exec.interactiveMode is none of Never, IfAvailable, Always"},
    {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: p, env: [{value: x}]}}",
     "!exec.env has an entry without a usable name"},
};

START_TEST(user_fields)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        AUTO_FREE char *text =
            xasprintf(CLUSTER CONTEXT "users: [{name: u, user: %s}]\n", users[i].text);
        AUTO_FREE char *path = tmpdir_write(dir, "config", text, 0600);
        AUTO_FREE char *got = load(&(struct kubeconfig_source){.path = path});
        AUTO_FREE char *raw =
            users[i].want[0] == '!'
                ? xasprintf("@/config: user \"u\": %s\n", users[i].want + 1)
                : xasprintf("server=https://h:6443\nns=prod\ncontext=x\n%s", users[i].want);
        AUTO_FREE char *want = expand(raw, dir);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

static const struct {
    const char *text, *want;
} clusters[] = {
    {"{server: 'https://h'}", "server=https://h\n*token=t\n"},
    {"{server: 'https://h/a/b//'}", "server=https://h/a/b\n*token=t\n"},
    {"{server: 'https://[::1]:6443'}", "server=https://[::1]:6443\n*token=t\n"},
    /* credentials are only sent over TLS */
    {"{server: 'http://127.0.0.1:8001'}", "server=http://127.0.0.1:8001\n*"},
    {"{server: 'https://h', certificate-authority: ../ca.crt}",
     "server=https://h\n*ca_file=@/../ca.crt\ntoken=t\n"},
    {"{server: 'https://h', certificate-authority: ca.crt, certificate-authority-data: " CERT64 "}",
     "server=https://h\n*ca_data=PEM\ntoken=t\n"},
    {"{server: 'https://h', insecure-skip-tls-verify: true}",
     "server=https://h\n*insecure=true\ntoken=t\n"},
    {"{server: 'https://h', insecure-skip-tls-verify: false, certificate-authority: /ca}",
     "server=https://h\n*ca_file=/ca\ntoken=t\n"},
    {"{server: 'https://h', tls-server-name: sni, proxy-url: 'socks5://p:1080',"
     " disable-compression: true}",
     "server=https://h\n*tls_server_name=sni\nproxy_url=socks5://p:1080\n"
     "disable_compression=true\ntoken=t\n"},
    /* errors */
    {"", "!server is missing"},
    {"{server: ''}", "!server is missing"},
    {"{server: 'h:6443'}", "!server is not a URL with http or https"},
    {"{server: 'ftp://h'}", "!server is not a URL with http or https"},
    {"{server: 'https://'}", "!server has no host"},
    {"{server: 'https://:6443'}", "!server has no host"},
    {"{server: 'https:///x'}", "!server has no host"},
    {"{server: 'https://h?x'}", "!server may have host, port and path only"},
    {"{server: 'https://me@h'}", "!server may have host, port and path only"},
    {"{server: 'https://h x'}", "!server may have host, port and path only"},
    {"{server: 'https://h', proxy-url: 'h:3128'}",
     "!proxy-url is not a URL with http, https or socks5"},
    {"{server: 'https://h', proxy-url: 'https://'}",
     "!proxy-url is not a URL with http, https or socks5"},
    {"{server: 'https://h', insecure-skip-tls-verify: maybe}",
     "!insecure-skip-tls-verify is neither true nor false"},
    {"{server: 'https://h', insecure-skip-tls-verify: true, certificate-authority: x}",
     "!insecure-skip-tls-verify is true, so a certificate authority has no effect: "
     "remove one of the two"},
    {"{server: 'https://h', certificate-authority-data: '='}",
     "!certificate-authority-data is not base64"},
    {"{server: 'https://h', certificate-authority-data: AAAA}",
     "!certificate-authority-data does not hold PEM of the right kind"},
};

START_TEST(cluster_fields)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    for (size_t i = 0; i < ARRAY_LEN(clusters); i++) {
        AUTO_FREE char *text = xasprintf("clusters: [{name: c, cluster: %s}]\n" CONTEXT
                                         "users: [{name: u, user: {token: t}}]\n",
                                         clusters[i].text);
        AUTO_FREE char *path = tmpdir_write(dir, "config", text, 0600);
        AUTO_FREE char *got = load(&(struct kubeconfig_source){.path = path});
        const char *want = clusters[i].want;
        const char *star = strchr(want, '*');
        AUTO_FREE char *raw =
            star ? xasprintf("%.*sns=prod\ncontext=x\n%s", (int)(star - want), want, star + 1)
                 : xasprintf("@/config: cluster \"c\": %s\n", want + 1);
        AUTO_FREE char *full = expand(raw, dir);
        ck_assert_str_eq(got, full);
    }
}
END_TEST

/* Whole files. */
static const struct {
    const char *text, *context, *want;
} files[] = {
    {"{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"j\",\"contexts\":[{\"name\":"
     "\"j\",\"context\":{\"cluster\":\"c\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":{"
     "\"server\":\"https:\\/\\/h\"}}],\"users\":null}",
     NULL,
     "server=https://h\ncontext=j\n"},
    {CLUSTER "contexts: [{name: a, context: {cluster: c}}, {name: b, context: {cluster: c,"
             " namespace: dev}}]\ncurrent-context: a\n",
     "b",
     "server=https://h:6443\nns=dev\ncontext=b\n"},
    {CLUSTER CONTEXT, NULL, "@/config: context \"x\": there is no user \"u\"\n"},
    {CONTEXT, NULL, "@/config: context \"x\": there is no cluster \"c\"\n"},
    {CLUSTER CONTEXT, "z", "@/config: there is no context \"z\"\n"},
    {CLUSTER, NULL, "@/config: current-context is not set\n"},
    {"contexts: [{name: x}]\ncurrent-context: x",
     NULL,
     "@/config: context \"x\": cluster is missing\n"},
    {"", NULL, "@/config: current-context is not set\n"},
    {"# nothing\n", NULL, "@/config: current-context is not set\n"},
    {CLUSTER "contexts: [{name: x}, {name: x}]", "x", "@/config: context \"x\" is there twice\n"},
    {"kind: Pod", NULL, "@/config: kind is \"Pod\", not Config\n"},
    {"apiVersion: v2", NULL, "@/config: apiVersion is \"v2\", not v1\n"},
    {"clusters: {a: b}",
     NULL,
     "@/config:1: clusters: Expecting SEQUENCE, got event: MAPPING_START\n"},
    {"kind: Config\nusers:\n- name: u\n  user:\n    token: [x]\n",
     NULL,
     "@/config:5: users[0].user.token: Expecting STRING, got event: SEQUENCE_START\n"},
    {"users: [{name: a}, {name: u, user: {exec: {args: [a, {b: c}]}}}]",
     NULL,
     "@/config:1: users[1].user.exec.args[1]: Expecting STRING, got event: MAPPING_START\n"},
    {"\nusers: \"x",
     NULL,
     "@/config:2:10: while scanning a quoted scalar, found unexpected end of stream\n"},
    {"kind: Config\nkind: Config\n", NULL, "@/config:2:1: the key \"kind\" is given twice\n"},
    {"x: &a https://h\n" CONTEXT "users: [{name: u}]\nclusters:\n- name: c\n  cluster: &c\n"
     "    server: *a\n",
     NULL,
     "server=https://h\nns=prod\ncontext=x\n"},
    {CLUSTER CONTEXT "users: [{name: u}]\n---\nkind: Pod\n",
     NULL,
     "server=https://h:6443\nns=prod\ncontext=x\n"},
    {"- x", NULL, "@/config:1: Expecting MAPPING, got event: SEQUENCE_START\n"},
};

START_TEST(cluster_info_of_plugins)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *ca = tmpdir_write(dir, "ca", "pem", 0600);
    static const struct {
        const char *cluster, *provide, *want;
    } rows[] = {
        {"{server: 'https://h'}", "false", NULL},
        {"{server: 'https://h/'}", "true", "{\"server\":\"https://h\"}"},
        {"{server: 'https://h', certificate-authority: ca, tls-server-name: sni, proxy-url: "
         "'http://p', disable-compression: true, extensions: [{name: x, extension: 1}, {name: "
         "client.authentication.k8s.io/exec, extension: {audience: [a, 1, null]}}]}",
         "true",
         "{\"server\":\"https://h\",\"tls-server-name\":\"sni\",\"certificate-authority-data\":"
         "\"cGVt\",\"proxy-url\":\"http://p\",\"disable-compression\":true,"
         "\"config\":{\"audience\":[\"a\",1,null]}}"},
        {"{server: 'https://h', certificate-authority-data: " CERT64 "}",
         "true",
         "{\"server\":\"https://h\",\"certificate-authority-data\":\"" CERT64 "\"}"},
        {"{server: 'https://h', insecure-skip-tls-verify: true}",
         "true",
         "{\"server\":\"https://h\",\"insecure-skip-tls-verify\":true}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *text =
            xasprintf("clusters: [{name: c, cluster: %s}]\n" CONTEXT
                      "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1,"
                      " command: p, interactiveMode: Never, provideClusterInfo: %s}}}]\n",
                      rows[i].cluster,
                      rows[i].provide);
        AUTO_FREE char *path = tmpdir_write(dir, "config", text, 0600);
        AUTO(kubeconfig_done) struct kubeconfig config = {.server = NULL};
        struct err err = {.kind = ERR_NONE};
        int result = kubeconfig_load(&(struct kubeconfig_source){.path = path}, &config, &err);
        ck_assert_msg(result == 0, "%s", err.msg);
        ck_assert_pstr_eq(config.exec->cluster_info, rows[i].want);
    }
}
END_TEST

START_TEST(whole_files)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        AUTO_FREE char *path = tmpdir_write(dir, "config", files[i].text, 0600);
        AUTO_FREE char *got =
            load(&(struct kubeconfig_source){.path = path, .context = files[i].context});
        AUTO_FREE char *want = expand(files[i].want, dir);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

START_TEST(lists_merge)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *sub = xasprintf("%s/sub", dir);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    AUTO_FREE char *a = tmpdir_write(dir,
                                     "a",
                                     "clusters: [{name: c, cluster: {server: 'https://a'}}]\n"
                                     "contexts: [{name: x, context: {cluster: c, user: u}}]\n",
                                     0600);
    AUTO_FREE char *b = tmpdir_write(sub,
                                     "b",
                                     "clusters: [{name: c, cluster: {server: 'https://b',"
                                     " tls-server-name: b}}]\n"
                                     "contexts: [{name: z, context: {cluster: c}}]\n"
                                     "users: [{name: u, user: {tokenFile: token}}]\n"
                                     "current-context: x\n",
                                     0600);
    AUTO_FREE char *c = tmpdir_write(dir, "c", "current-context: z\n", 0600);
    AUTO_FREE char *empty = tmpdir_write(dir, "empty", "", 0600);
    AUTO_FREE char *broken = tmpdir_write(dir, "broken", "users: 1", 0600);
    const struct {
        const char *list, *want;
    } lists[] = {
        {":@/empty:@/missing::@/a:@/sub/b:@/c:@/a:",
         "server=https://a\ncontext=x\ntoken_file=@/sub/token\n"},
        {"@/c:@/sub/b:@/a", "server=https://b\ncontext=z\ntls_server_name=b\n"},
        {"@/missing:@/gone", "$KUBECONFIG: no such file: @/missing:@/gone\n"},
        {"@/a:@/broken", "@/broken:1: users: Expecting SEQUENCE, got event: SCALAR\n"},
        {"@/a", "@/a: current-context is not set\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        AUTO_FREE char *list = expand(lists[i].list, dir);
        AUTO_FREE char *want = expand(lists[i].want, dir);
        AUTO_FREE char *got = load(&(struct kubeconfig_source){.env = list, .home = "/nowhere"});
        ck_assert_str_eq(got, want);
    }
}
END_TEST

#define SERVER(name)                                                                               \
    "clusters: [{name: c, cluster: {server: 'https://" name                                        \
    "'}}]\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"

START_TEST(precedence)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *kube = xasprintf("%s/.kube", dir);
    AUTO_FREE char *pod = xasprintf("%s/pod", dir);
    ck_assert_int_eq(mkdir(kube, 0700) + mkdir(pod, 0700), 0);
    AUTO_FREE char *flag = tmpdir_write(dir, "flag", SERVER("flag"), 0600);
    AUTO_FREE char *env = tmpdir_write(dir, "env", SERVER("env"), 0600);
    AUTO_FREE char *home = tmpdir_write(kube, "config", SERVER("home"), 0600);
    AUTO_FREE char *token = tmpdir_write(pod, "token", "t\n", 0600);
    AUTO_FREE char *ns = tmpdir_write(pod, "namespace", "mesh\n", 0600);
    struct kubeconfig_source source = {.path = flag,
                                       .env = env,
                                       .home = dir,
                                       .service_host = "fd00::1",
                                       .service_port = "443",
                                       .in_cluster_dir = pod};
    AUTO_FREE char *first = load(&source);
    ck_assert_str_eq(first, "server=https://flag\ncontext=x\n");
    source.path = NULL;
    AUTO_FREE char *second = load(&source);
    ck_assert_str_eq(second, "server=https://env\ncontext=x\n");

    source.env = NULL;
    AUTO_FREE char *bare = load(&source);
    AUTO_FREE char *want_bare =
        expand("server=https://[fd00::1]:443\nns=mesh\ntoken_file=@/pod/token\n", dir);
    ck_assert_str_eq(bare, want_bare);
    AUTO_FREE char *ca = tmpdir_write(pod, "ca.crt", "x", 0600);
    source.service_host = "10.0.0.1";
    AUTO_FREE char *third = load(&source);
    AUTO_FREE char *want = expand("server=https://10.0.0.1:443\nns=mesh\nca_file=@/pod/ca.crt\n"
                                  "token_file=@/pod/token\n",
                                  dir);
    ck_assert_str_eq(third, want);

    /* A context can only be one of a file. */
    source.context = "x";
    AUTO_FREE char *named = load(&source);
    ck_assert_str_eq(named, "server=https://home\ncontext=x\n");
    source.context = NULL;
    unlink(token);
    AUTO_FREE char *fourth = load(&source);
    ck_assert_str_eq(fourth, "server=https://home\ncontext=x\n");

    unlink(home);
    AUTO_FREE char *none = load(&source);
    AUTO_FREE char *want_none =
        expand("there is no kubeconfig: neither --kubeconfig nor $KUBECONFIG is given, there is no "
               "token in @/pod, and there is no ~/.kube/config\n",
               dir);
    ck_assert_str_eq(none, want_none);
    AUTO_FREE char *nothing = load(&(struct kubeconfig_source){.path = NULL});
    ck_assert_str_eq(nothing,
                     "there is no kubeconfig: neither --kubeconfig nor $KUBECONFIG is given, this "
                     "is not a pod, and there is no ~/.kube/config\n");
    source.path = home;
    AUTO_FREE char *missing = load(&source);
    AUTO_FREE char *want_missing = expand("@/.kube/config: No such file or directory\n", dir);
    ck_assert_str_eq(missing, want_missing);
}
END_TEST

UNIT_MAIN("kubeconfig", user_fields, cluster_fields, cluster_info_of_plugins, whole_files,
          lists_merge, precedence)
