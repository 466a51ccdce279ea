/*
 * kv_known.c: full blocks by the hash of what they hold. Open addressing with linear probing, at
 * most half full; a removal moves later entries of the cluster up, so there are no tombstones.
 */
#include <stdlib.h>

#include "kernels/kv_pool/kv_inside.h"

/* The finaliser of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014): a bijection in
 * which every bit of the input moves about half of the output's. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

uint64_t kv_hash_chain(uint64_t parent, const uint32_t *tokens, unsigned count) {
    uint64_t hash = mix(parent + 0x9E3779B97F4A7C15u * ((uint64_t)count + 1));
    for (unsigned i = 0; i < count; i++)
        hash = mix(hash + 0x9E3779B97F4A7C15u * ((uint64_t)tokens[i] + 1));
    return hash;
}

int kv_known_open(struct kv_pool *pool) {
    pool->slot_bits = 1;
    while ((size_t)1 << pool->slot_bits < 2 * (size_t)pool->blocks)
        pool->slot_bits++;
    size_t slots = (size_t)1 << pool->slot_bits;
    pool->slots = malloc(slots * sizeof *pool->slots);
    for (size_t i = 0; pool->slots && i < slots; i++)
        pool->slots[i] = KV_NO_BLOCK;
    return pool->slots ? 0 : -1;
}

static size_t home_of(const struct kv_pool *pool, uint64_t hash) {
    return mix(hash) >> (64 - pool->slot_bits);
}

/* Where a hash is, or the empty slot where it would go. */
static size_t slot_of(const struct kv_pool *pool, uint64_t hash) {
    size_t mask = ((size_t)1 << pool->slot_bits) - 1, i = home_of(pool, hash);
    while (pool->slots[i] != KV_NO_BLOCK && pool->block[pool->slots[i]].hash != hash)
        i = (i + 1) & mask;
    return i;
}

int32_t kv_known_look(const struct kv_pool *pool, uint64_t hash) {
    return pool->slots[slot_of(pool, hash)];
}

void kv_known_add(struct kv_pool *pool, int32_t id, uint64_t hash) {
    pool->slots[slot_of(pool, hash)] = id;
    pool->block[id].hash = hash;
    pool->block[id].known = true;
    pool->known++;
}

void kv_known_drop(struct kv_pool *pool, int32_t id) {
    size_t mask = ((size_t)1 << pool->slot_bits) - 1;
    size_t hole = slot_of(pool, pool->block[id].hash);
    for (size_t i = (hole + 1) & mask; pool->slots[i] != KV_NO_BLOCK; i = (i + 1) & mask) {
        /* An entry may move up to the hole unless that lies before its home. */
        size_t home = home_of(pool, pool->block[pool->slots[i]].hash);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            pool->slots[hole] = pool->slots[i];
            hole = i;
        }
    }
    pool->slots[hole] = KV_NO_BLOCK;
    pool->block[id].known = false;
    pool->known--;
}
