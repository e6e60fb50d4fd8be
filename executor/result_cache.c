/* Owns nothing. The stored form is what is hashed, so no field that a run depends on can be forgotten here. */
#include "result_cache.h"
#include "job_json.h"

#include <openssl/evp.h>
#include <string.h>

enum { STORED_MAX = 64 * 1024 }; /* Redis is no place for more */

static void hash_text(EVP_MD_CTX *hash, const char *text)
{
    if (EVP_DigestUpdate(hash, text, strlen(text) + 1) != 1)
        abort();
}

void result_name(const char *owner, const char *toolchain, const struct submission *s, char *out)
{
    struct submission essence = *s;
    essence.user_id = NULL;
    essence.metadata = NULL;
    essence.priority = false;
    cleanup_free char *text = submission_to_json(&essence);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        abort();
    hash_text(hash, owner);
    hash_text(hash, toolchain);
    hash_text(hash, text);
    if (EVP_DigestFinal_ex(hash, digest, &len) != 1 || len * 2 + 1 != RESULT_NAME_SIZE)
        abort();
    EVP_MD_CTX_free(hash);
    hex_encode(digest, len, out);
}

static bool depends_on_the_host(enum verdict verdict)
{
    return verdict == VERDICT_INTERNAL_ERROR || verdict == VERDICT_CPU_TIME_EXCEEDED ||
           verdict == VERDICT_WALL_TIME_EXCEEDED;
}

bool result_may_answer_again(const struct job_result *result, size_t stored_len)
{
    if (stored_len > STORED_MAX || result->reason || depends_on_the_host(result->verdict))
        return false;
    for (size_t i = 0; i < result->test_count; i++)
        if (depends_on_the_host(result->tests[i].verdict))
            return false;
    return true;
}
