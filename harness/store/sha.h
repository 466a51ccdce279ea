/*
 * sha.h: SHA-256 as the result folder uses it, over OpenSSL's libcrypto. Digests are 64 lower-case
 * hexadecimal digits and a NUL.
 */
#ifndef NANOLAB_HARNESS_SHA_H
#define NANOLAB_HARNESS_SHA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA_DIGITS 64
#define SHA_TEXT (SHA_DIGITS + 1)
/* What the first line of a chain takes for the hash before it. */
#define SHA_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* All return 0, or -1 when libcrypto or a read fails. */
int sha_bytes(const void *data, size_t size, char out[SHA_TEXT]);
/* SHA-256(the 64 digits of `previous` || text). */
int sha_chain(const char previous[SHA_TEXT], const void *text, size_t size, char out[SHA_TEXT]);
/* The whole of an open regular file, from its beginning; `size` gets its bytes (may be NULL). After
 * a failure errno says whether it was the read (EIO, …) or memory (ENOMEM). */
int sha_file(int fd, char out[SHA_TEXT], uint64_t *size);
/* True for exactly 64 lower-case hexadecimal digits. */
bool sha_is_digest(const char *text);

#endif
