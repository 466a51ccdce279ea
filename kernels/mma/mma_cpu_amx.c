/*
 * mma_cpu_amx.c: the native product on AMX tiles. Nothing here runs before
 * mma_cpu_isa_usable(MMA_CPU_AMX) has said yes.
 *
 * The instructions are written out: gcc's own ldtilecfg says that it reads 8 bytes of the 64, so
 * that the compiler may drop the rest, and its loads and stores of tiles do not say that they touch
 * memory.
 */
#ifdef __x86_64__
#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define TILE_LOAD(t, from, bytes)                                                                  \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(from), "r"((size_t)(bytes)) : "memory")
#define TILE_STORE(t, to, bytes)                                                                   \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(to), "r"((size_t)(bytes))           \
                     : "memor"                                                                     \
                       "y")
#define TILE_PRODUCT(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

#include "kernels/mma/mma_cpu_amx.inc"

/* ldtilecfg's operand. */
struct shape {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct shape) == 64, "the processor reads 64 bytes");

#define TILES 8

static void begin(void) {
    struct shape shape = {.palette = 1};
    for (int t = 0; t < TILES; t++) {
        shape.row_bytes[t] = TILE_BYTES / SIDE;
        shape.rows[t] = SIDE;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(shape));
}

static void end(void) {
    __asm__ volatile("tilerelease");
}

/* Linux: a process asks for the state of the tiles, 8 KiB a thread, before it first uses them. */
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

bool mma_cpu_amx_usable(void) {
    const unsigned bf16 = 1u << 22, tiles = 1u << 24; /* of EDX, leaf 7 */
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & bf16) && (edx & tiles) &&
           __builtin_cpu_supports("avx512f") &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

const struct mma_cpu_code mma_cpu_amx = {
    .step = 32,
    .unit = SIDE,
    .a_bytes = 2,
    .b_bytes = 2,
    .pack_a = mma_cpu_pack_tiles,
    .pack_b = mma_cpu_pack_pairs_avx512,
    .begin = begin,
    .end = end,
    .multiply = multiply,
};
#endif
