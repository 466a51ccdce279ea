/*
 * mma_cpu_plan.c: the native products' plans: the table of their fields and what is legal; nothing
 * here runs one.
 */
#include <stdio.h>

#include "kernels/mma/mma_cpu.h"

MMA_CPU_PLAN_FIELDS(PLAN_VALUES)
#define MMA_CPU_FIELD(name, values, what) PLAN_FIELD(mma_cpu_plan, name, what)
static const struct plan_field fields[MMA_CPU_FIELDS] = {MMA_CPU_PLAN_FIELDS(MMA_CPU_FIELD)};

#define ISA_NAME(value, word) word,
static const char *const isa_names[MMA_CPU_ISAS] = {MMA_CPU_ISA_VALUES(ISA_NAME)};

const char *mma_cpu_isa_name(enum mma_cpu_isa isa) {
    return (unsigned)isa < MMA_CPU_ISAS ? isa_names[isa] : "?";
}

/* The first of an instruction set's tiles is its default. */
static const int tiles[MMA_CPU_ISAS][2] = {
    [MMA_CPU_SCALAR] = {MMA_CPU_TILE(4, 4), MMA_CPU_TILE(2, 8)},
    [MMA_CPU_AVX2] = {MMA_CPU_TILE(4, 16), MMA_CPU_TILE(8, 8)},
    [MMA_CPU_AVX512] = {MMA_CPU_TILE(14, 32), MMA_CPU_TILE(6, 64)},
    [MMA_CPU_AMX] = {MMA_CPU_TILE(32, 32), MMA_CPU_TILE(16, 64)},
    [MMA_CPU_AMX_MODEL] = {MMA_CPU_TILE(32, 32), MMA_CPU_TILE(16, 64)},
};

static int rules(const void *of, char *why) {
    const struct mma_cpu_plan *plan = of;
    if (plan->tile != tiles[plan->isa][0] && plan->tile != tiles[plan->isa][1])
        PLAN_REFUSE("%s has no kernel of %d rows by %d columns", mma_cpu_isa_name(plan->isa),
                    plan->tile >> 8, plan->tile & 0xff);
    if (plan->ahead && plan->isa != MMA_CPU_AMX && plan->isa != MMA_CPU_AMX_MODEL)
        PLAN_REFUSE("%s fetches no panel ahead: use ahead0", mma_cpu_isa_name(plan->isa));
    if (plan->split < 4 && plan->merge == MMA_CPU_MERGE_PAIRS)
        PLAN_REFUSE("neighbours first is another order for split4 only: use merge-serial");
    return 0;
}

const struct plan_family mma_cpu_plans = {
    .name = "a native matrix product's plan",
    .example = "avx512-bf16.14x32.k1024.packed.t2",
    .size = sizeof(struct mma_cpu_plan),
    .fields = fields,
    .count = MMA_CPU_FIELDS,
    .counts = MMA_CPU_FIELD_BIT(chunk) | MMA_CPU_FIELD_BIT(ahead) | MMA_CPU_FIELD_BIT(threads) |
              MMA_CPU_FIELD_BIT(split),
    .rules = rules,
};

struct mma_cpu_plan mma_cpu_plan_default(enum mma_cpu_isa isa, int threads) {
    /* Tiles take a chunk of A and of B from cache much faster than C comes and goes, and a panel of
     * B faster than the memory gives the next; on a Zen 4, whose multiply-adds take longer than
     * either, every chunk's C is time lost. */
    bool amx = isa == MMA_CPU_AMX || isa == MMA_CPU_AMX_MODEL;
    return (struct mma_cpu_plan){.isa = (int)isa,
                                 .tile = tiles[isa][0],
                                 .chunk = amx ? 1024 : MMA_CPU_WHOLE,
                                 .pack = MMA_CPU_PACK_BEFORE,
                                 .ahead = amx,
                                 .threads = threads,
                                 .split = 1,
                                 .merge = MMA_CPU_MERGE_SERIAL};
}

int mma_cpu_plan_parse(const char *text, struct mma_cpu_plan *plan, char *why) {
    struct mma_cpu_plan parsed = mma_cpu_plan_default(mma_cpu_isa_best(ELEMENT_BF16), 1);
    unsigned named;
    if (plan_parse(&mma_cpu_plans, text, &parsed, &named, why) != 0)
        return -1;
    struct mma_cpu_plan fitting = mma_cpu_plan_default((enum mma_cpu_isa)parsed.isa, 1);
    for (size_t field = 0; field < MMA_CPU_FIELDS; field++)
        if (!(named >> field & 1))
            plan_set(&mma_cpu_plans, &parsed, field, plan_get(&mma_cpu_plans, &fitting, field));
    if (plan_check(&mma_cpu_plans, &parsed, why) != 0)
        return -1;
    *plan = parsed;
    return 0;
}

int mma_cpu_plan_check(const struct mma_cpu_plan *plan, char *why) {
    return plan_check(&mma_cpu_plans, plan, why);
}

char *mma_cpu_plan_text(const struct mma_cpu_plan *plan, char *out) {
    return plan_text(&mma_cpu_plans, plan, out);
}

/* --- the order along K ------------------------------------------------------------------------ */

const struct mma_rule *mma_cpu_rule(enum mma_cpu_isa isa, enum element in) {
    if (isa == MMA_CPU_SCALAR)
        return mma_rule_find("fma", MMA_CPU, in, ELEMENT_F32);
    if (in != ELEMENT_BF16)
        return NULL;
    return mma_rule_find(isa == MMA_CPU_AVX2     ? "fma"
                         : isa == MMA_CPU_AVX512 ? "AVX512-BF16"
                                                 : "AMX",
                         MMA_CPU, in, ELEMENT_F32);
}

#define SLICE_UNIT ((size_t)64)

size_t mma_cpu_slices(const struct mma_cpu_plan *plan, size_t k,
                      struct mma_slice slices[MMA_CPU_SLICES_MOST]) {
    size_t count = (size_t)plan->split, units = (k + SLICE_UNIT - 1) / SLICE_UNIT;
    size_t each = (units + count - 1) / count * SLICE_UNIT;
    for (size_t s = 0; s < count; s++) {
        size_t begin = s * each < k ? s * each : k;
        slices[s] = (struct mma_slice){begin, k - begin < each ? k : begin + each, true};
    }
    return count;
}
