/*
 * mma_cpu_amx_model.c: the kernel of mma_cpu_amx.c, its tile instructions done by the model
 * (mma_rule.h): the bits of AMX on any machine, and what that kernel does with its tiles tested on
 * any machine.
 */
#include <stdint.h>
#include <string.h>

#define TILE_ZERO(t) tile_zero(t)
#define TILE_LOAD(t, from, bytes) tile_load(t, from, bytes)
#define TILE_STORE(t, to, bytes) tile_store(t, to, bytes)
#define TILE_PRODUCT(c, a, b) tile_product(c, a, b)

static void tile_zero(int t);
static void tile_load(int t, const void *from, size_t bytes);
static void tile_store(int t, void *to, size_t bytes);
static void tile_product(int c, int a, int b);

#include "kernels/mma/mma_cpu_amx.inc"

#define TILES 8
#define ROW_BYTES (TILE_BYTES / SIDE)
#define TILE_K 32

/* A thread's tiles: floats in c, pairs of bf16 in a and b. */
static _Thread_local union {
    uint8_t bytes[SIDE][ROW_BYTES];
    float sums[SIDE][SIDE];
    uint16_t numbers[SIDE][TILE_K];
} tiles[TILES];

static void tile_zero(int t) {
    memset(&tiles[t], 0, sizeof tiles[t]);
}

static void tile_load(int t, const void *from, size_t bytes) {
    for (size_t row = 0; row < SIDE; row++)
        memcpy(tiles[t].bytes[row], (const char *)from + row * bytes, ROW_BYTES);
}

static void tile_store(int t, void *to, size_t bytes) {
    for (size_t row = 0; row < SIDE; row++)
        memcpy((char *)to + row * bytes, tiles[t].bytes[row], ROW_BYTES);
}

static void tile_product(int c, int a, int b) {
    const struct mma_rule *rule = mma_cpu_rule(MMA_CPU_AMX, ELEMENT_BF16);
    float column[TILE_K], row[TILE_K];
    for (size_t n = 0; n < SIDE; n++) {
        for (size_t k = 0; k < TILE_K; k++)
            column[k] = element_from_bf16(tiles[b].numbers[k / 2][2 * n + k % 2]);
        for (size_t m = 0; m < SIDE; m++) {
            for (size_t k = 0; k < TILE_K; k++)
                row[k] = element_from_bf16(tiles[a].numbers[m][k]);
            tiles[c].sums[m][n] = mma_step(rule, row, column, TILE_K, tiles[c].sums[m][n]);
        }
    }
}

/* What a thread before left in its tiles is nobody's. */
static void begin(void) {
    memset(tiles, 0xff, sizeof tiles);
}

const struct mma_cpu_code mma_cpu_amx_model = {
    .step = TILE_K,
    .unit = SIDE,
    .a_bytes = 2,
    .b_bytes = 2,
    .pack_a = mma_cpu_pack_tiles,
    .pack_b = mma_cpu_pack_pairs,
    .begin = begin,
    .multiply = multiply,
};
