/*
 * sha.c: SHA-256 through OpenSSL's EVP interface.
 */
#include "harness/store/sha.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

static int finish(EVP_MD_CTX *context, int good, char out[SHA_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    good = good && context && EVP_DigestFinal_ex(context, digest, &size) && size == 32;
    EVP_MD_CTX_free(context);
    if (!good)
        return -1;
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[SHA_DIGITS] = '\0';
    return 0;
}

static EVP_MD_CTX *begin(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && !EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return context;
}

int sha_bytes(const void *data, size_t size, char out[SHA_TEXT]) {
    EVP_MD_CTX *context = begin();
    return finish(context, context && EVP_DigestUpdate(context, data, size), out);
}

int sha_chain(const char previous[SHA_TEXT], const void *text, size_t size, char out[SHA_TEXT]) {
    EVP_MD_CTX *context = begin();
    int good = context && EVP_DigestUpdate(context, previous, SHA_DIGITS) &&
               EVP_DigestUpdate(context, text, size);
    return finish(context, good, out);
}

int sha_file(int fd, char out[SHA_TEXT], uint64_t *size) {
    static const size_t chunk = 1 << 16;
    unsigned char buffer[1 << 16];
    EVP_MD_CTX *context = begin();
    int good = context != NULL;
    off_t at = 0;
    int error = ENOMEM; /* what libcrypto fails for */
    while (good) {
        ssize_t got = pread(fd, buffer, chunk, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            break;
        if (got < 0)
            error = errno;
        good = got > 0 && EVP_DigestUpdate(context, buffer, (size_t)got);
        at += got > 0 ? got : 0;
    }
    if (size)
        *size = (uint64_t)at;
    int status = finish(context, good, out);
    errno = error;
    return status;
}

bool sha_is_digest(const char *text) {
    return strspn(text, "0123456789abcdef") == SHA_DIGITS && text[SHA_DIGITS] == '\0';
}
