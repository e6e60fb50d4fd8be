/* hiredis_ssl moves the bytes. Its contexts are made here and not by it, because it would not compare the server's name
 * with its certificate. */
#include "redis_tls.h"

#include <errno.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *text)
{
    return text && *text;
}

/* OpenSSL's words for a file that is not there are "BIO lib". */
static int refuse_file(struct err *err, const char *setting, const char *path)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    if (access(path, R_OK) < 0)
        why = strerror(errno);
    return err_set_field(err, EINVAL, setting, "%s \"%.128s\": %s", setting, path, why ? why : "cannot be used");
}

/* Else OpenSSL would ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int load_files(SSL_CTX *ctx, const struct redis_tls *tls, struct err *err)
{
    if (!is_set(tls->ca_file))
        SSL_CTX_set_default_verify_paths(ctx);
    else if (SSL_CTX_load_verify_file(ctx, tls->ca_file) != 1)
        return refuse_file(err, "redis-ca-file", tls->ca_file);
    if (is_set(tls->cert_file) != is_set(tls->key_file))
        return err_set_field(err, EINVAL, is_set(tls->cert_file) ? "redis-key-file" : "redis-cert-file",
                             "redis-cert-file and redis-key-file belong together: one is not set");
    if (!is_set(tls->cert_file))
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_file) != 1)
        return refuse_file(err, "redis-cert-file", tls->cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_file, SSL_FILETYPE_PEM) != 1)
        return refuse_file(err, "redis-key-file", tls->key_file);
    return 0;
}

static int make_context(const struct redis_tls *tls, SSL_CTX **ret_ctx, struct err *err)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        abort();
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_verify(ctx, tls->unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER); /* hiredis' buffer moves as it grows */
    int r = load_files(ctx, tls, err);
    if (r < 0)
        SSL_CTX_free(ctx);
    else
        *ret_ctx = ctx;
    return r;
}

int redis_tls_check(const struct redis_tls *tls, struct err *err)
{
    SSL_CTX *ctx = NULL;
    int r = make_context(tls, &ctx, err);
    SSL_CTX_free(ctx);
    return r;
}

/* An address is not sent as a name, and is looked for among the certificate's addresses. */
static int expect_server(SSL *ssl, const char *name, struct err *err)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
        return 0;
    if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
        return err_set(err, EINVAL, "\"%.128s\" cannot be a server's name", name);
    return 0;
}

static const char *why_failed(const SSL *ssl)
{
    long result = SSL_get_verify_result(ssl);
    if (result != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
        return X509_verify_cert_error_string(result);
    return ERR_reason_error_string(ERR_peek_last_error());
}

int redis_tls_start(redisAsyncContext *ac, const struct redis_tls *tls, const char *host, struct err *err)
{
    SSL_CTX *ctx = NULL;
    int r = make_context(tls, &ctx, err);
    if (r < 0)
        return r;
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx); /* the connection holds it */
    if (!ssl)
        abort();
    r = expect_server(ssl, is_set(tls->server_name) ? tls->server_name : host, err);
    ERR_clear_error();
    if (r == 0 && redisInitiateSSL(&ac->c, ssl) != REDIS_OK) { /* a server nearby can have answered already */
        const char *why = why_failed(ssl);
        r = err_set(err, EIO, "TLS: %s", why ? why : ac->c.errstr);
    }
    if (r < 0)
        SSL_free(ssl);
    else
        ac->data = ssl; /* hiredis owns it now; redis_tls_why looks at it */
    return r;
}

const char *redis_tls_why(const redisAsyncContext *ac)
{
    return ac->data ? why_failed(ac->data) : NULL;
}
