/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/now.h"
#include "kube/credentials.h"
#include "support/tmpdir.h"
#include "support/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define V1        "client.authentication.k8s.io/v1"
#define PEM(kind) "-----BEGIN " kind "-----\nbody\n-----END " kind "-----\n"
#define CERT      PEM("CERTIFICATE")
#define KEY       PEM("PRIVATE KEY")
#define WALL_US   1800000000000000 /* 2027-01-15T08:00:00Z */

static const char *header(struct credentials *c)
{
    const struct credential *credential = credentials_get(c);
    return credential ? credential->authorization : "none";
}

/* The clocks stand still; tests move them. */
static void set_time(int64_t ms)
{
    now_fake(ms, WALL_US + ms * 1000);
}

struct answer {
    struct loop *loop;
    int left; /* answers to wait for */
    char *text;
    bool late; /* an answer may come now: the call that asked has returned */
};

static void on_credential(void *arg, const struct credential *credential, const struct err *err)
{
    struct answer *answer = arg;
    ck_assert(answer->late);
    ck_assert(!credential == !!err);
    free(answer->text);
    answer->text = xstrdup(!credential                 ? err->msg
                           : credential->authorization ? credential->authorization
                                                       : "no header");
    if (--answer->left == 0)
        loop_stop(answer->loop);
}

/* What `count` waiters get, who all ask at once: the header or the error. The caller frees. */
static char *wait_for(struct loop *loop, struct credentials *c, int count)
{
    struct answer answer = {.loop = loop, .left = count};
    for (int i = 0; i < count; i++)
        credentials_wait(c, on_credential, &answer);
    answer.late = true;
    loop_run(loop);
    return answer.text;
}

START_TEST(static_headers)
{
    const struct {
        struct kubeconfig config;
        const char *want;
    } rows[] = {
        {{.token = (char[]){"abc"}}, "Bearer abc"},
        {{.username = (char[]){"Aladdin"}, .password = (char[]){"open sesame"}},
         "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        {{.username = (char[]){"u"}}, "Basic dTo="},
    };
    struct loop *loop = loop_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct credentials *c = credentials_new(loop, &rows[i].config);
        ck_assert_str_eq(header(c), rows[i].want);
        ck_assert_uint_eq(credentials_get(c)->tls_generation, 1);
        ck_assert_ptr_eq(credentials_config(c), &rows[i].config);
        credentials_free(c);
    }
    loop_free(loop);
}
END_TEST

START_TEST(token_file_is_read_again)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *path = tmpdir_write(dir, "token", " one\n", 0600);
    struct kubeconfig config = {.token_file = path};
    struct loop *loop = loop_new();
    struct credentials *c = credentials_new(loop, &config);
    set_time(0);
    ck_assert_str_eq(header(c), "Bearer one");
    free(tmpdir_write(dir, "token", "two", 0600));
    set_time(49999);
    ck_assert_str_eq(header(c), "Bearer one");
    set_time(50000);
    ck_assert_str_eq(header(c), "Bearer two");

    /* A 401 does not wait; the new file has another inode. */
    free(tmpdir_write(dir, "token", "three", 0600));
    ck_assert_str_eq(header(c), "Bearer two");
    credentials_rejected(c);
    ck_assert_str_eq(header(c), "Bearer three");

    /* What is no token keeps the last one, and is looked at again soon. */
    static const char *const bad[] = {"", " \n", "a b", "a\nb", "a\x01"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        free(tmpdir_write(dir, "token", bad[i], 0600));
        credentials_rejected(c);
        ck_assert_str_eq(header(c), "Bearer three");
    }
    ck_assert_int_eq(unlink(path), 0);
    credentials_rejected(c);
    ck_assert_str_eq(header(c), "Bearer three");
    free(tmpdir_write(dir, "token", "four\n", 0600));
    ck_assert_str_eq(header(c), "Bearer three");
    set_time(51000);
    ck_assert_str_eq(header(c), "Bearer four");
    credentials_free(c);
    loop_free(loop);
    now_fake(-1, -1);
}
END_TEST

START_TEST(no_token_yet)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *path = tmpdir_write(dir, "token", "\n", 0600);
    struct kubeconfig config = {.token_file = path};
    struct loop *loop = loop_new();
    set_time(0);
    struct credentials *c = credentials_new(loop, &config);
    ck_assert_str_eq(header(c), "none");
    AUTO_FREE char *empty = wait_for(loop, c, 2);
    AUTO_FREE char *want = xasprintf("%s: the token file is empty", path);
    ck_assert_str_eq(empty, want);
    free(tmpdir_write(dir, "token", "t", 0600));
    set_time(1000);
    AUTO_FREE char *got = wait_for(loop, c, 1);
    ck_assert_str_eq(got, "Bearer t");
    credentials_free(c);

    /* A token of the configuration serves until the file can be read; then the file wins. */
    ck_assert_int_eq(unlink(path), 0);
    config.token = (char[]){"inline"};
    c = credentials_new(loop, &config);
    ck_assert_str_eq(header(c), "Bearer inline");
    free(tmpdir_write(dir, "token", "file", 0600));
    set_time(2000);
    ck_assert_str_eq(header(c), "Bearer file");
    credentials_free(c);
    loop_free(loop);
    now_fake(-1, -1);
}
END_TEST

START_TEST(certificate_files_rotate)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *ca = tmpdir_write(dir, "ca", "# comment\n" CERT, 0600);
    AUTO_FREE char *cert = tmpdir_write(dir, "cert", CERT, 0600);
    AUTO_FREE char *key = tmpdir_write(dir, "key", KEY, 0600);
    struct kubeconfig config = {.ca_file = ca, .client_cert_file = cert, .client_key_file = key};
    struct loop *loop = loop_new();
    set_time(0);
    struct credentials *c = credentials_new(loop, &config);
    const struct credential *got = credentials_get(c);
    ck_assert_str_eq(got->ca, "# comment\n" CERT);
    ck_assert_str_eq(got->client_cert, CERT);
    ck_assert_str_eq(got->client_key, KEY);
    ck_assert_ptr_null(got->authorization);
    ck_assert_uint_eq(got->tls_generation, 1);

    /* The same again is no change. */
    set_time(300000);
    ck_assert_uint_eq(credentials_get(c)->tls_generation, 1);

    /* A change counts when it stays: between two reads the key follows its certificate. */
    free(tmpdir_write(dir, "cert", CERT CERT, 0600));
    set_time(600000);
    ck_assert_uint_eq(credentials_get(c)->tls_generation, 1);
    free(tmpdir_write(dir, "key", KEY "\n", 0600));
    set_time(601000);
    ck_assert_uint_eq(credentials_get(c)->tls_generation, 1);
    set_time(602000);
    got = credentials_get(c);
    ck_assert_uint_eq(got->tls_generation, 2);
    ck_assert_str_eq(got->client_cert, CERT CERT);
    ck_assert_str_eq(got->client_key, KEY "\n");

    /* On demand it is read sooner, but counts no sooner. */
    free(tmpdir_write(dir, "ca", CERT, 0600));
    for (int i = 0; i < 3; i++) {
        set_time(604000 + i * 500);
        credentials_doubted(c);
        ck_assert_uint_eq(credentials_get(c)->tls_generation, i < 2 ? 2 : 3);
    }
    /* What is empty, half-written or of another kind keeps the old. */
    static const char *const bad[] = {
        "", "-----BEGIN CERTIFICATE-----\nbo", KEY, CERT "-----BEGIN CERTIFICATE-----\n"};
    for (size_t i = 0; i < 2 * ARRAY_LEN(bad); i++) {
        free(tmpdir_write(dir, "ca", bad[i / 2], 0600));
        credentials_rejected(c);
        got = credentials_get(c);
        ck_assert_uint_eq(got->tls_generation, 3);
        ck_assert_str_eq(got->ca, CERT);
    }
    credentials_free(c);
    loop_free(loop);
    now_fake(-1, -1);
}
END_TEST

START_TEST(unusable_certificates)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO_FREE char *ca = tmpdir_write(dir, "ca", "nothing", 0600);
    struct kubeconfig config = {.ca_file = ca, .token = (char[]){"t"}};
    struct loop *loop = loop_new();
    set_time(0);
    struct credentials *c = credentials_new(loop, &config);
    AUTO_FREE char *want = xasprintf("%s: there is no certificate in it", ca);
    AUTO_FREE char *got = wait_for(loop, c, 1);
    ck_assert_str_eq(got, want);
    free(tmpdir_write(dir, "ca", CERT, 0600));
    set_time(1000);
    ck_assert_str_eq(header(c), "Bearer t");
    credentials_free(c);
    loop_free(loop);
    now_fake(-1, -1);
}
END_TEST

/* A plugin in a shell script; "@" in the script is its directory. */
struct plugin {
    struct loop *loop;
    struct kubeconfig config;
    struct kubeconfig_exec exec;
    char api_version[sizeof(V1)];
    struct credentials *c;
};

static void plugin_free(struct plugin *plugin)
{
    credentials_free(plugin->c);
    loop_free(plugin->loop);
    free(plugin->exec.command);
    now_fake(-1, -1);
}

static void plugin_new(struct plugin *plugin, const char *dir, const char *script)
{
    AUTO_FREE char *text = xasprintf("#!/bin/sh\ncd %s\n%s\n", dir, script);
    *plugin = (struct plugin){.loop = loop_new(), .api_version = V1};
    plugin->exec = (struct kubeconfig_exec){.command = tmpdir_write(dir, "plugin", text, 0700),
                                            .api_version = plugin->api_version,
                                            .timeout_ms = 20000};
    plugin->config.exec = &plugin->exec;
    plugin->c = credentials_new(plugin->loop, &plugin->config);
}

#define ANSWER(status)                                                                             \
    "printf %s '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":" status "}'"

static const struct {
    const char *script, *want;
} answers[] = {
    {ANSWER("{\"token\":\"abc\"}"), "Bearer abc"},
    {ANSWER("{\"token\":\"abc\",\"expirationTimestamp\":\"2027-01-15T09:00:00+00:30\"}"),
     "Bearer abc"},
    {ANSWER("{\"clientCertificateData\":\"-----BEGIN CERTIFICATE-----\\n-----END "
            "CERTIFICATE-----\",\"clientKeyData\":\"-----BEGIN EC PRIVATE KEY-----\\n-----END EC "
            "PRIVATE KEY-----\"}"),
     "no header"},
    {"[ \"$1$2$SPECIAL\" = 'a b;c' ] && [ -z \"$(cat)\" ] && " ANSWER("{\"token\":\"args\"}"),
     "Bearer args"},
    {"case $KUBERNETES_EXEC_INFO in '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
     "\",\"spec\":{\"cluster\":{\"server\":\"https://h\"},\"interactive\":false}}') " ANSWER(
         "{\"token\":\"info\"}") ";; esac",
     "Bearer info"},
    /* errors; "%" is the plugin */
    {"exit 3", "exec plugin %: it exited with status 3; Install it."},
    {"kill -9 $$", "exec plugin %: it was killed by signal 9; Install it."},
    {"echo junk", "exec plugin %: its output is not an ExecCredential"},
    {":", "exec plugin %: its output is not an ExecCredential"},
    {"echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"v1\"}'",
     "exec plugin %: it answers in another API version than " V1},
    {ANSWER("null"), "exec plugin %: its answer has no status"},
    {ANSWER("{}"), "exec plugin %: its answer has neither a token nor a certificate"},
    {ANSWER("{\"token\":\"a\\nb\"}"),
     "exec plugin %: its token holds white space or a control character"},
    {ANSWER("{\"clientKeyData\":\"x\"}"),
     "exec plugin %: its answer has only one of clientCertificateData and clientKeyData"},
    {ANSWER("{\"clientCertificateData\":\"x\",\"clientKeyData\":\"x\"}"),
     "exec plugin %: its certificate or key is not PEM"},
    {ANSWER("{\"token\":\"a\",\"expirationTimestamp\":\"soon\"}"),
     "exec plugin %: its expirationTimestamp is not a time of RFC 3339"},
    {ANSWER("{\"token\":\"a\",\"expirationTimestamp\":\"2027-01-15T08:00:00Z\"}"),
     "exec plugin %: its credential has already expired"},
    {"exec yes", "exec plugin %: it wrote more than 1048576 bytes; Install it."},
};

START_TEST(plugin_answers)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        AUTO_TMPDIR char *dir = tmpdir_new();
        AUTO(plugin_free) struct plugin plugin;
        plugin_new(&plugin, dir, answers[i].script);
        plugin.exec.install_hint = (char[]){"Install it."};
        plugin.exec.args = (char *[]){(char[]){"a b"}, (char[]){";"}, NULL};
        plugin.exec.env = (char *[]){(char[]){"SPECIAL=x"}, (char[]){"SPECIAL=c"}, NULL};
        plugin.exec.cluster_info = (char[]){"{\"server\":\"https://h\"}"};
        set_time(0);
        ck_assert_str_eq(header(plugin.c), "none");
        AUTO_FREE char *got = wait_for(plugin.loop, plugin.c, 3);
        const char *mark = strchr(answers[i].want, '%');
        AUTO_FREE char *want = mark ? xasprintf("%.*s%s%s",
                                                (int)(mark - answers[i].want),
                                                answers[i].want,
                                                plugin.exec.command,
                                                mark + 1)
                                    : xstrdup(answers[i].want);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

/* The process whose id the plugin wrote to the file "pid". */
static pid_t child_of(const char *dir)
{
    AUTO_FREE char *path = xasprintf("%s/pid", dir);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(100);
    ck_assert_int_eq(file_read(path, &text, NULL), 0);
    return (pid_t)strtol(text.text, NULL, 10);
}

/* False also for a zombie that init has not reaped yet. */
static bool alive(pid_t pid)
{
    AUTO_FREE char *path = xasprintf("/proc/%d/stat", (int)pid);
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(10000);
    return file_read(path, &line, NULL) == 0 && !strstr(line.text, ") Z ");
}

START_TEST(plugin_leaves_a_child)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(plugin_free) struct plugin plugin;
    plugin_new(&plugin, dir, "sleep 600 & echo $! > pid; " ANSWER("{\"token\":\"left\"}"));
    AUTO_FREE char *got = wait_for(plugin.loop, plugin.c, 1);
    ck_assert_str_eq(got, "Bearer left");
    /* It still holds the pipe, and is none of our business. */
    ck_assert_int_eq(kill(child_of(dir), SIGKILL), 0);
}
END_TEST

START_TEST(plugin_is_missing)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(plugin_free) struct plugin plugin;
    plugin_new(&plugin, dir, ":");
    free(plugin.exec.command);
    plugin.exec.command = xstrdup("no-such-plugin");
    plugin.exec.install_hint = (char[]){"Install it."};
    AUTO_FREE char *got = wait_for(plugin.loop, plugin.c, 1);
    /* posix_spawn may tell it at once or by the exit status; under valgrind it is that. */
    ck_assert(strstr(got, "exec plugin no-such-plugin: it cannot be started: No such file") ||
              strstr(got, "exec plugin no-such-plugin: it exited with status 127; Install"));
}
END_TEST

/* A line is added each time the plugin runs. */
static int runs(const char *dir)
{
    AUTO_FREE char *path = xasprintf("%s/runs", dir);
    struct stat status;
    return stat(path, &status) == 0 ? (int)status.st_size : 0;
}

START_TEST(plugin_hangs)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(plugin_free) struct plugin plugin;
    plugin_new(&plugin, dir, "sleep 600 & echo $! > pid; trap '' TERM; wait; sleep 600");
    plugin.exec.timeout_ms = 1000;
    AUTO_FREE char *got = wait_for(plugin.loop, plugin.c, 1);
    AUTO_FREE char *want = xasprintf("exec plugin %s: it did not finish within 1 s and was killed",
                                     plugin.exec.command);
    ck_assert_str_eq(got, want);
    /* With all its children. */
    while (alive(child_of(dir)))
        usleep(1000);

    /* Freed while it runs: it is killed and reaped. */
    set_time(100000);
    plugin.exec.timeout_ms = 600000;
    ck_assert_str_eq(header(plugin.c), "none");
}
END_TEST

START_TEST(plugin_runs_once_for_all)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(plugin_free) struct plugin plugin;
    plugin_new(&plugin,
               dir,
               "printf x >> runs\n"
               "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
               "\",\"status\":{\"token\":\"'$(wc -c <runs)'\",\"expirationTimestamp\":\"'$(cat "
               "expires)'\"}}'");
    free(tmpdir_write(dir, "expires", "2027-01-15T08:10:00Z", 0600));
    set_time(0);
    AUTO_FREE char *first = wait_for(plugin.loop, plugin.c, 5);
    ck_assert_str_eq(first, "Bearer 1");
    ck_assert_int_eq(runs(dir), 1);
    uint64_t generation = credentials_get(plugin.c)->tls_generation;

    /* Half a minute before the end a new one is fetched; the old serves until it is there. */
    set_time(569999);
    ck_assert_str_eq(header(plugin.c), "Bearer 1");
    free(tmpdir_write(dir, "expires", "2027-01-15T09:00:00Z", 0600));
    set_time(570000);
    ck_assert_str_eq(header(plugin.c), "Bearer 1");
    set_time(600000);
    ck_assert_str_eq(header(plugin.c), "none");
    AUTO_FREE char *second = wait_for(plugin.loop, plugin.c, 2);
    ck_assert_str_eq(second, "Bearer 2");
    ck_assert_int_eq(runs(dir), 2);
    ck_assert_uint_eq(credentials_get(plugin.c)->tls_generation, generation);

    /* Rejected at once: a late answer to the last credential. Later: it runs again, once. */
    credentials_rejected(plugin.c);
    ck_assert_str_eq(header(plugin.c), "Bearer 2");
    set_time(601000);
    credentials_rejected(plugin.c);
    credentials_rejected(plugin.c);
    ck_assert_str_eq(header(plugin.c), "none");
    credentials_rejected(plugin.c);
    AUTO_FREE char *third = wait_for(plugin.loop, plugin.c, 2);
    ck_assert_str_eq(third, "Bearer 3");

    /* A server that takes none makes it run less and less. */
    set_time(602000);
    credentials_rejected(plugin.c);
    ck_assert_str_eq(header(plugin.c), "Bearer 3");
    set_time(603000);
    credentials_rejected(plugin.c);
    ck_assert_str_eq(header(plugin.c), "none");
    AUTO_FREE char *fourth = wait_for(plugin.loop, plugin.c, 1);
    ck_assert_str_eq(fourth, "Bearer 4");
    ck_assert_int_eq(runs(dir), 4);
}
END_TEST

START_TEST(plugin_failure_backs_off)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(plugin_free) struct plugin plugin;
    plugin_new(&plugin, dir, "printf x >> runs; exit 1");
    const struct {
        int64_t ms;
        int runs;
    } steps[] = {{0, 1}, {1, 1}, {999, 1}, {1000, 2}, {2999, 2}, {3000, 3}, {6999, 3}, {7000, 4}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        set_time(steps[i].ms);
        AUTO_FREE char *got = wait_for(plugin.loop, plugin.c, 2);
        ck_assert_ptr_nonnull(strstr(got, "it exited with status 1"));
        ck_assert_int_eq(runs(dir), steps[i].runs);
    }
}
END_TEST

static void on_cancelled(void *arg UNUSED, const struct credential *credential UNUSED,
                         const struct err *err UNUSED)
{
    ck_abort_msg("called after cancel");
}

START_TEST(waiters_can_be_cancelled)
{
    struct kubeconfig config = {.token = (char[]){"t"}};
    struct loop *loop = loop_new();
    struct credentials *c = credentials_new(loop, &config);
    int one, two;
    credentials_wait(c, on_cancelled, &one);
    credentials_wait(c, on_cancelled, &two);
    credentials_cancel(c, on_cancelled, &two);
    credentials_cancel(c, on_cancelled, &one);
    credentials_cancel(c, on_cancelled, &one);
    AUTO_FREE char *got = wait_for(loop, c, 1);
    ck_assert_str_eq(got, "Bearer t");
    credentials_free(c);
    loop_free(loop);
}
END_TEST

UNIT_MAIN("credentials", static_headers, token_file_is_read_again, no_token_yet,
          certificate_files_rotate, unusable_certificates, plugin_answers, plugin_leaves_a_child,
          plugin_is_missing, plugin_hangs, plugin_runs_once_for_all, plugin_failure_backs_off,
          waiters_can_be_cancelled)
