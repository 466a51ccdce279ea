/*
 * mma_slices_plan.c: the integer GEMM's plans: the table of their fields and what is legal.
 */
#include <math.h>
#include <stdio.h>

#include "kernels/mma/mma_slices_inside.h"
#include "kernels/plan/plan.h"

MMA_SLICES_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(mma_slices_plan, name, what)
static const struct plan_field fields[MMA_SLICES_FIELDS] = {MMA_SLICES_PLAN_FIELDS(FIELD)};

static int rules(const void *of, char *why) {
    const struct mma_slices_plan *plan = of;
    int rows = mma_slices_rows(plan->tile), columns = mma_slices_columns(plan->tile);
    if (mma_slices_tiles(plan->isa) && plan->tile != MMA_SLICES_TILE(16, 16))
        PLAN_REFUSE("AMX multiplies tiles of 16x16");
    if (plan->isa == MMA_SLICES_VNNI &&
        !mma_slices_multiply_vnni(plan->slices, plan->slices + plan->kept, plan->tile))
        PLAN_REFUSE("a tile of %dx%d in %d classes does not fit the registers", rows, columns,
                    plan->slices + plan->kept);
    return 0;
}

#define BIT(name) (1u << MMA_SLICES_FIELD_##name)
const struct plan_family mma_slices_plans = {
    .name = "an integer GEMM's plan",
    .example = "vnni.s4.high.6x16.k1.t2",
    .size = sizeof(struct mma_slices_plan),
    .fields = fields,
    .count = MMA_SLICES_FIELDS,
    .counts = BIT(slices) | BIT(split) | BIT(threads),
    .rules = rules,
};

int mma_slices_products(const struct mma_slices_plan *plan) {
    int products = 0;
    for (int i = 0; i < plan->slices; i++)
        for (int j = 0; j < plan->slices; j++)
            products += i + j < plan->slices + plan->kept;
    return products;
}

void mma_slices_plan_fit(struct mma_slices_plan *plan) {
    static const int tiles[] = {MMA_SLICES_TILE(8, 16), MMA_SLICES_TILE(6, 16),
                                MMA_SLICES_TILE(4, 16)};
    plan->tile = MMA_SLICES_TILE(16, 16);
    for (size_t i = 0; !mma_slices_tiles(plan->isa) && i < sizeof tiles / sizeof *tiles; i++) {
        plan->tile = tiles[i];
        if (rules(plan, NULL) == 0)
            return;
    }
}

struct mma_slices_plan mma_slices_plan_default(int threads) {
    struct mma_slices_plan plan = {.isa = mma_slices_best(),
                                   .slices = 4,
                                   .kept = 0,
                                   .split = 1,
                                   .threads = threads,
                                   .weights = MMA_SLICES_BEFORE};
    mma_slices_plan_fit(&plan);
    return plan;
}

/* Relative to the largest elements of two rows, whose |X| is more than half the limit (it would
 * have had a larger q), less the half that rounding may have added: what rounding to fixed point
 * does to a product, and the products of slices left out, at most 2^14 each. */
double mma_slices_bound(int slices, int classes) {
    double largest = (double)mma_slices_limit(slices) / 2 - 1, left_out = 0;
    for (int i = 0; i < slices; i++)
        for (int j = 0; j < slices; j++)
            if (i + j >= classes)
                left_out += ldexp(1, 14 + 8 * (2 * slices - 2 - i - j));
    return (1 + 0.25 / largest) / largest + left_out / (largest * largest);
}
