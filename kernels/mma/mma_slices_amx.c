/*
 * mma_slices_amx.c: the integer GEMM's tiles for AMX-INT8: TDPBSUD multiplies A's signed digits by
 * B's, which are stored plus 128 and so unsigned. Nothing here runs before
 * mma_slices_usable(MMA_SLICES_AMX) has said yes; but the loop, on tiles in memory, runs anywhere.
 */
#include "kernels/mma/mma_slices_inside.h"

#include <string.h>

/* --- tiles in memory --------------------------------------------------------------------------
 */

/* As the instructions see them: 16 rows of 64 bytes. */
struct tile {
    uint8_t row[16][64];
};

static void soft_load(struct tile *tile, const void *from, size_t stride) {
    for (size_t row = 0; row < 16; row++)
        memcpy(tile->row[row], (const char *)from + row * stride, 64);
}

static void soft_store(const struct tile *tile, void *to, size_t stride) {
    for (size_t row = 0; row < 16; row++)
        memcpy((char *)to + row * stride, tile->row[row], 64);
}

/* sum[m][n] += Σ a[m][4 k + i] · b[k][4 n + i] in 32 bits, a signed, b unsigned. */
static void soft_dot(struct tile *sum, const struct tile *a, const struct tile *b) {
    for (size_t m = 0; m < 16; m++)
        for (size_t n = 0; n < 16; n++) {
            int32_t c;
            memcpy(&c, &sum->row[m][4 * n], sizeof c);
            for (size_t k = 0; k < 16; k++)
                for (size_t i = 0; i < 4; i++)
                    c += (int8_t)a->row[m][4 * k + i] * b->row[k][4 * n + i];
            memcpy(&sum->row[m][4 * n], &c, sizeof c);
        }
}

#define LOOP multiply_soft
#define TILES struct tile tiles[8]
#define ZERO(t) memset(&tiles[t], 0, sizeof tiles[t])
#define LOAD(t, from, stride) soft_load(&tiles[t], from, stride)
#define STORE(t, to, stride) soft_store(&tiles[t], to, stride)
#define DOT(sum, a, b) soft_dot(&tiles[sum], &tiles[a], &tiles[b])
#define RELEASE (void)0
#include "kernels/mma/mma_slices_amx.inc"

void mma_slices_multiply_soft_tiles(const struct mma_slices_block *block, int32_t *sums) {
    multiply_soft(block, sums);
}

/* --- AMX --------------------------------------------------------------------------------------
 */

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

bool mma_slices_amx_allowed(void) {
    static _Atomic int allowed = -1;
    if (allowed < 0) {
        unsigned a, b, c, d;
        bool there = __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 24 & 1 && d >> 25 & 1;
        allowed = there && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
    }
    return allowed;
}

/* Written out: gcc 12's ldtilecfg says that it reads 8 bytes of the 64, and its loads and stores of
 * tiles do not say that they touch memory. */

/* Palette 1, all eight tiles of 16 rows of 64 bytes. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct tile_config) == 64, "the processor reads 64 bytes");

static void configure(void) {
    struct tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        config.bytes[t] = 64;
        config.rows[t] = 16;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

#undef LOOP
#undef TILES
#undef ZERO
#undef LOAD
#undef STORE
#undef DOT
#undef RELEASE
#define LOOP multiply_tiles
#define TILES configure()
#define ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define WITH(instruction, at, stride)                                                              \
    __asm__ volatile(instruction ::"r"(at), "r"((size_t)(stride)) : "memory")
#define LOAD(t, from, stride) WITH("tileloadd (%0,%1,1), %%tmm" #t, from, stride)
#define STORE(t, to, stride) WITH("tilestored %%tmm" #t ", (%0,%1,1)", to, stride)
#define DOT(sum, a, b) __asm__ volatile("tdpbsud %%tmm" #b ", %%tmm" #a ", %%tmm" #sum ::)
#define RELEASE __asm__ volatile("tilerelease")
#include "kernels/mma/mma_slices_amx.inc"

void mma_slices_multiply_amx(const struct mma_slices_block *block, int32_t *sums) {
    multiply_tiles(block, sums);
}
#else
bool mma_slices_amx_allowed(void) {
    return false;
}
#endif
