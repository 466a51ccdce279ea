/*
 * ranks_fill.c: what a rank hands in, and the hash of what it gets. The program sums and hashes,
 * and the caller predicts the sum's bits, so both are built from this file.
 */
#include "kernels/ranks/ranks.h"

/* The sum of `count` neighbouring parts, a power of two of them. */
static float parts(uint64_t seed, unsigned first, unsigned count, size_t i) {
    if (count <= 1)
        return ranks_input(seed, first, i);
    return parts(seed, first, count / 2, i) + parts(seed, first + count / 2, count / 2, i);
}

float ranks_fill(const struct ranks_arm *arm, uint64_t seed, unsigned ranks, unsigned rank,
                 size_t i) {
    switch (arm->fill) {
    case RANKS_PROBE:
        return rank == arm->probe[0] ? RANKS_MASK : rank == arm->probe[1] ? -RANKS_MASK : 1;
    case RANKS_PARTS:
        return parts(seed, rank * (RANKS_PARTS_ALL / ranks), RANKS_PARTS_ALL / ranks, i);
    default:
        return ranks_input(seed, rank, i);
    }
}

uint64_t ranks_hash(const void *data, size_t bytes) {
    const unsigned char *at = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t k = 0; k < bytes; k++)
        hash = (hash ^ at[k]) * UINT64_C(0x100000001b3);
    return hash;
}
