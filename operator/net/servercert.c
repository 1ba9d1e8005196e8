/* SPDX-License-Identifier: Apache-2.0 */
#include "net/servercert.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/now.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 10000
/* A certificate and its key are two files: while one is still the old one, they are soon looked at
 * again. */
#define RETRY_MS 1000
/* Nobody can verify a certificate that we signed ourselves, so its end means nothing to anybody. */
#define OWN_DAYS 3650

struct servercert {
    struct servercert_options options;
    SSL_CTX *context;
    char *cert, *key; /* what the files held when they were last used or refused */
    int64_t due_ms;
    char told[sizeof(((struct err *)0)->msg)]; /* the last failure */
};

static int fail(struct err *err, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *why = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_INVALID, "%s: %s", what, why ? why : "cannot be used");
}

static void auto_x509_free(X509 **cert)
{
    X509_free(*cert);
}

static void auto_key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void auto_bio_free(BIO **bio)
{
    BIO_free(*bio);
}

static void auto_context_free(SSL_CTX **context)
{
    SSL_CTX_free(*context);
}

/* Of what a client offers we speak HTTP/1.1; one that wants nothing else is served all the same. */
static int choose_protocol(SSL *ssl UNUSED, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned len, void *arg UNUSED)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
        abort();
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                            SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

/* A key with a passphrase would else be asked for on the terminal. */
static int no_passphrase(char *buf UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
    return -1;
}

static int use_chain(SSL_CTX *context, const char *text, const char *path, struct err *err)
{
    AUTO(auto_bio_free) BIO *bio = BIO_new_mem_buf(text, -1);
    AUTO(auto_x509_free) X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
    if (!leaf || SSL_CTX_use_certificate(context, leaf) != 1)
        return fail(err, path);
    X509 *above = NULL;
    while ((above = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)))
        if (SSL_CTX_add0_chain_cert(context, above) != 1) {
            X509_free(above);
            return fail(err, path);
        }
    ERR_clear_error(); /* the end of the text is one, too */
    return 0;
}

static int use_key(SSL_CTX *context, const char *text, const char *path, struct err *err)
{
    AUTO(auto_bio_free) BIO *bio = BIO_new_mem_buf(text, -1);
    AUTO(auto_key_free) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (!key || SSL_CTX_use_PrivateKey(context, key) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return fail(err, path);
    return 0;
}

static int read_text(const char *path, char **ret, struct err *err)
{
    struct strbuf text = STRBUF_INIT(LIMIT_CREDENTIAL);
    int result = file_read(path, &text, err);
    char *whole = strbuf_take(&text);
    if (result < 0)
        mem_free_secret(whole);
    else
        *ret = whole;
    return result;
}

static void auto_secret_free(char **text)
{
    mem_free_secret(*text);
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Reads the files; *ret_new tells whether they were something else before, usable or not. */
static int load(struct servercert *cert, bool *ret_new, struct err *err)
{
    AUTO(auto_secret_free) char *chain = NULL;
    AUTO(auto_secret_free) char *key = NULL;
    if (read_text(cert->options.cert, &chain, err) < 0 ||
        read_text(cert->options.key, &key, err) < 0)
        return -1;
    *ret_new = !same(chain, cert->cert) || !same(key, cert->key);
    if (!*ret_new)
        return 0;
    AUTO(auto_context_free) SSL_CTX *context = context_new();
    if (use_chain(context, chain, cert->options.cert, err) < 0 ||
        use_key(context, key, cert->options.key, err) < 0)
        return -1;
    SSL_CTX_free(cert->context);
    cert->context = TAKE(context);
    mem_free_secret(cert->cert);
    mem_free_secret(cert->key);
    cert->cert = TAKE(chain);
    cert->key = TAKE(key);
    return 0;
}

static int add_extension(X509 *x509, int id, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);
    int rc = extension ? X509_add_ext(x509, extension, -1) : 0;
    X509_EXTENSION_free(extension);
    return rc;
}

static int fill_own(X509 *x509, EVP_PKEY *key)
{
    static const unsigned char name[] = "meshgateway";
    X509_NAME *subject = X509_get_subject_name(x509);
    return X509_set_version(x509, X509_VERSION_3) &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), (uint64_t)now_wall_us()) &&
           X509_gmtime_adj(X509_getm_notBefore(x509), -3600L) &&
           X509_time_adj_ex(X509_getm_notAfter(x509), OWN_DAYS, 0, NULL) &&
           X509_set_pubkey(x509, key) &&
           X509_NAME_add_entry_by_NID(
               subject, NID_commonName, MBSTRING_ASC, name, (int)sizeof(name) - 1, -1, 0) &&
           X509_set_issuer_name(x509, subject) &&
           add_extension(x509, NID_subject_alt_name, "DNS:meshgateway,DNS:localhost") &&
           add_extension(x509, NID_ext_key_usage, "serverAuth") &&
           X509_sign(x509, key, EVP_sha256());
}

static int make_own(struct servercert *cert, struct err *err)
{
    AUTO(auto_key_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(auto_x509_free) X509 *x509 = X509_new();
    cert->context = context_new();
    if (!key || !x509 || !fill_own(x509, key) ||
        SSL_CTX_use_certificate(cert->context, x509) != 1 ||
        SSL_CTX_use_PrivateKey(cert->context, key) != 1)
        return fail(err, "a certificate cannot be made");
    return 0;
}

static void look_again(struct servercert *cert)
{
    struct err err = {.kind = ERR_NONE};
    bool new = false;
    bool good = load(cert, &new, &err) == 0;
    cert->due_ms = now_ms() + (good ? LOOK_MS : RETRY_MS);
    bool told = good ? !new && !cert->told[0] : strcmp(cert->told, err.msg) == 0;
    memcpy(cert->told, err.msg, sizeof(cert->told));
    if (!told && cert->options.changed)
        cert->options.changed(cert->options.arg, good ? NULL : &err);
}

struct servercert *servercert_new(const struct servercert_options *options, struct err *err)
{
    struct servercert *cert = xcalloc(1, sizeof(*cert));
    cert->options = *options;
    bool new = false;
    int result = options->cert ? load(cert, &new, err) : make_own(cert, err);
    cert->due_ms = now_ms() + LOOK_MS;
    if (result == 0)
        return cert;
    servercert_free(cert);
    return NULL;
}

void servercert_free(struct servercert *cert)
{
    if (!cert)
        return;
    SSL_CTX_free(cert->context);
    mem_free_secret(cert->cert);
    mem_free_secret(cert->key);
    free(cert);
}

SSL *servercert_session(struct servercert *cert)
{
    if (cert->options.cert && now_ms() >= cert->due_ms)
        look_again(cert);
    SSL *ssl = SSL_new(cert->context);
    if (!ssl)
        abort();
    return ssl;
}
