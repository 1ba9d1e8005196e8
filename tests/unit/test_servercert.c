/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of our own server, and the server over TLS. */
#include "net/servercert.h"

#include "base/now.h"
#include "net/httpd.h"
#include "support/asking.h"
#include "support/tmpdir.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define REQUEST "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static int healthy(void *arg UNUSED, const struct httpd_request *request UNUSED,
                   struct strbuf *body)
{
    strbuf_adds(body, "well\n");
    return 200;
}

static const struct httpd_route routes[] = {
    {.path = "/healthz", .handler = healthy},
    {.handler = NULL},
};

static const struct httpd_timing hasty = {.head = 2000, .idle = 2000, .answer = 2000};

struct fixture {
    struct loop *loop;
    struct servercert *cert;
    struct httpd *httpd;
    SSL_CTX *client;
    char subject[64]; /* of the certificate that the client saw last */
};

static int on_verify(X509_STORE_CTX *store, void *arg)
{
    struct fixture *f = arg;
    const X509_NAME *name = X509_get_subject_name(X509_STORE_CTX_get0_cert(store));
    X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, f->subject, 64);
    return 1;
}

static void set_up(struct fixture *f, const struct servercert_options *options)
{
    *f = (struct fixture){.loop = loop_new(), .client = SSL_CTX_new(TLS_client_method())};
    struct err e = {0};
    f->cert = servercert_new(options, &e);
    ck_assert_msg(f->cert != NULL, "%s", e.msg);
    const struct httpd_options httpd = {
        .address = "127.0.0.1:0", .routes = routes, .cert = f->cert, .timing = &hasty};
    ck_assert_int_eq(httpd_new(f->loop, &httpd, &f->httpd, &e), 0);
    SSL_CTX_set_verify(f->client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(f->client, on_verify, f);
}

static void tear_down(struct fixture *f)
{
    httpd_free(f->httpd);
    servercert_free(f->cert);
    SSL_CTX_free(f->client);
    loop_free(f->loop);
    now_fake(-1, -1);
}

static char *ask(struct fixture *f, SSL_CTX *client)
{
    return asking(f->loop, httpd_port(f->httpd), client, REQUEST, strlen(REQUEST));
}

/* The whole way, and which certificate is on it. */
static void check_subject(struct fixture *f, const char *subject)
{
    f->subject[0] = '\0';
    AUTO_FREE char *answer = ask(f, f->client);
    ck_assert_ptr_nonnull(answer);
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nwell\n"));
    ck_assert_str_eq(f->subject, subject);
}

/* A key, and a certificate for it by this name, as the text of PEM files. */
struct pair {
    char *cert, *key;
};

static char *take_text(BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    char *text = xstrndup(bytes, (size_t)len);
    BIO_free(bio);
    return text;
}

static struct pair pair_new(const char *subject)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *cert_text = BIO_new(BIO_s_mem());
    BIO *key_text = BIO_new(BIO_s_mem());
    X509_NAME *name = X509_get_subject_name(x509);
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(
                         name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0),
                     1);
    ck_assert_int_eq(X509_set_issuer_name(x509, name), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(x509), 0));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
    ck_assert_int_eq(X509_set_pubkey(x509, key), 1);
    ck_assert_int_gt(X509_sign(x509, key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_bio_X509(cert_text, x509), 1);
    ck_assert_int_eq(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
    return (struct pair){.cert = take_text(cert_text), .key = take_text(key_text)};
}

static void pair_done(struct pair *pair)
{
    free(pair->cert);
    free(pair->key);
}

START_TEST(made_at_start)
{
    struct fixture f;
    set_up(&f, &(const struct servercert_options){.cert = NULL});
    check_subject(&f, "meshgateway");
    /* A session that stays open outlives what it came from. */
    SSL *ssl = servercert_session(f.cert);
    tear_down(&f);
    ck_assert_int_eq(SSL_get_security_level(ssl) >= 1, 1);
    SSL_free(ssl);
}
END_TEST

START_TEST(versions_and_protocols)
{
    static const struct {
        int max;
        const unsigned char *alpn;
        unsigned alpn_len;
        bool served;
    } rows[] = {
        {TLS1_3_VERSION, NULL, 0, true},
        {TLS1_2_VERSION, NULL, 0, true},
        {TLS1_1_VERSION, NULL, 0, false},
        {TLS1_3_VERSION, (const unsigned char *)"\x02h2\x08http/1.1", 12, true},
        {TLS1_3_VERSION, (const unsigned char *)"\x02h2", 3, true},
    };
    struct fixture f;
    set_up(&f, &(const struct servercert_options){.cert = NULL});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SSL_CTX *client = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_security_level(client, 0);
        SSL_CTX_set_min_proto_version(client, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(client, rows[i].max);
        SSL_CTX_set_alpn_protos(client, rows[i].alpn, rows[i].alpn_len);
        AUTO_FREE char *answer = ask(&f, client);
        ck_assert_int_eq(answer && strstr(answer, "well\n"), rows[i].served);
        SSL_CTX_free(client);
    }
    tear_down(&f);
}
END_TEST

/* Whoever does not speak TLS, or not to its end, gets nothing, and keeps nobody from the rest. */
START_TEST(no_handshake_no_answer)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {REQUEST, sizeof(REQUEST) - 1},
        {"", 0},
        {"\x16\x03\x01\x02\x00\x01\x00", 7}, /* the start of a ClientHello */
        {"\x16\x03\x01\xff\xff", 5},
        {"\x80\x80\x01\x03\x01", 5}, /* SSL 2 */
    };
    struct fixture f;
    set_up(&f, &(const struct servercert_options){.cert = NULL});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *answer =
            asking(f.loop, httpd_port(f.httpd), NULL, rows[i].bytes, rows[i].len);
        ck_assert_msg(!strstr(answer, "HTTP/1.1"), "%zu: %s", i, answer);
        check_subject(&f, "meshgateway");
    }
    /* The handshake is there, the request is not. */
    AUTO_FREE char *slow = asking(f.loop, httpd_port(f.httpd), f.client, "GET /h", 6);
    ck_assert_ptr_nonnull(slow);
    ck_assert_ptr_nonnull(strstr(slow, "HTTP/1.1 408 "));
    tear_down(&f);
}
END_TEST

static void on_changed(void *arg, const struct err *err)
{
    struct strbuf *told = arg;
    strbuf_addf(told, "%s\n", err ? strrchr(err->msg, '/') + 1 : "used");
}

START_TEST(files_are_read_again)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(pair_done) struct pair one = pair_new("one");
    AUTO(pair_done) struct pair two = pair_new("two");
    AUTO_FREE char *cert = tmpdir_write(dir, "tls.crt", one.cert, 0600);
    AUTO_FREE char *key = tmpdir_write(dir, "tls.key", one.key, 0600);
    AUTO_STRBUF struct strbuf told = STRBUF_INIT(1000);
    struct fixture f;
    now_fake(1000000, -1);
    set_up(&f,
           &(const struct servercert_options){
               .cert = cert, .key = key, .changed = on_changed, .arg = &told});
    check_subject(&f, "one");
    /* A step is what is written to the files, and 10 s; what is served then, and what is told. */
    const struct {
        const char *cert, *key, *subject, *told;
    } steps[] = {
        {NULL, NULL, "one", ""},
        {two.cert, NULL, "one", "tls.key: key values mismatch\n"},
        {NULL, NULL, "one", ""}, /* told once */
        {NULL, two.key, "two", "used\n"},
        {"", NULL, "two", "tls.crt: no start line\n"},
        {"-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n", NULL, "two", NULL},
        {two.cert, NULL, "two", "used\n"},
        {NULL, "junk", "two", "tls.key: unsupported\n"},
        {one.cert, one.key, "one", "used\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].cert)
            free(tmpdir_write(dir, "tls.crt", steps[i].cert, 0600));
        if (steps[i].key)
            free(tmpdir_write(dir, "tls.key", steps[i].key, 0600));
        check_subject(&f, i ? steps[i - 1].subject : "one"); /* not looked at yet */
        now_fake(1000000 + ((int64_t)i + 1) * 10000, -1);
        check_subject(&f, steps[i].subject);
        if (steps[i].told)
            ck_assert_msg(strcmp(told.text, steps[i].told) == 0, "%zu: %s", i, told.text);
        strbuf_clear(&told);
    }
    ck_assert_int_eq(unlink(cert), 0);
    now_fake(2000000, -1);
    check_subject(&f, "one");
    ck_assert_str_eq(told.text, "tls.crt: No such file or directory\n");
    tear_down(&f);
}
END_TEST

START_TEST(files_that_cannot_be_used)
{
    AUTO_TMPDIR char *dir = tmpdir_new();
    AUTO(pair_done) struct pair one = pair_new("one");
    AUTO(pair_done) struct pair two = pair_new("two");
    AUTO_FREE char *cert = tmpdir_write(dir, "tls.crt", one.cert, 0600);
    AUTO_FREE char *key = tmpdir_write(dir, "other.key", two.key, 0600);
    AUTO_FREE char *absent = xasprintf("%s/absent", dir);
    struct err e = {0};
    ck_assert_ptr_null(
        servercert_new(&(const struct servercert_options){.cert = cert, .key = key}, &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "other.key: key values mismatch"));
    ck_assert_ptr_null(
        servercert_new(&(const struct servercert_options){.cert = absent, .key = key}, &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "/absent: No such file"));
}
END_TEST

UNIT_MAIN("servercert", made_at_start, versions_and_protocols, no_handshake_no_answer,
          files_are_read_again, files_that_cannot_be_used)
