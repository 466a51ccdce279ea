/*
 * atomics_model.c: the additions, the updates and the results of a plan, without its kernels.
 *
 * Nothing of the code that runs is used but the definitions of the integer sums (binned.h,
 * atomics_fixed.h): updates are found element by element from the rule in atomics.h.
 */
#include "kernels/atomics/atomics_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/atomics/atomics_fixed.h"
#include "kernels/atomics/atomics_inside.h"
#include "kernels/rng/data.h"
#include "kernels/simt/simt.h"
#include "kernels/sum/binned.h"

/* --- one addition ------------------------------------------------------------------------------
 */

struct format {
    uint64_t sign, infinity, nan;
};
static const struct format formats[ATOMICS_ADDS] = {
    [ATOMICS_ADD_F32] = {0x80000000u, 0x7f800000u, 0x7fffffffu},
    [ATOMICS_ADD_F32_FLUSH] = {0x80000000u, 0x7f800000u, 0x7fffffffu},
    [ATOMICS_ADD_F64] = {0x8000000000000000u, 0x7ff0000000000000u, 0x7fffffffffffffffu},
    [ATOMICS_ADD_F16] = {0x8000u, 0x7c00u, 0x7fffu},
    [ATOMICS_ADD_BF16] = {0x8000u, 0x7f80u, 0x7fffu},
};

enum atomics_add atomics_add_plain(enum atomics_type type) {
    switch (type) {
    case ATOMICS_F32:
        return ATOMICS_ADD_F32;
    case ATOMICS_F64:
        return ATOMICS_ADD_F64;
    case ATOMICS_F16X2:
        return ATOMICS_ADD_F16;
    default:
        return ATOMICS_ADD_BF16;
    }
}

enum atomics_add atomics_add_rule(enum atomics_type type, enum device_kind kind) {
    if (type == ATOMICS_F32 && kind != DEVICE_CPU &&
        simt_rules[SIMT_RULE_ATOMIC_F32_GLOBAL_FTZ].device)
        return ATOMICS_ADD_F32_FLUSH;
    return atomics_add_plain(type);
}

uint64_t atomics_canonical(enum atomics_add add, uint64_t bits) {
    return (bits & ~formats[add].sign) > formats[add].infinity ? formats[add].nan : bits;
}

bool atomics_same_bits(enum atomics_add add, uint64_t a, uint64_t b) {
    return atomics_canonical(add, a) == atomics_canonical(add, b);
}

uint64_t atomics_ulps(enum atomics_add add, uint64_t a, uint64_t b) {
    uint64_t sign = formats[add].sign, infinity = formats[add].infinity;
    uint64_t low = a & ~sign, high = b & ~sign;
    if (low > infinity || high > infinity)
        return UINT64_MAX;
    if (low == infinity || high == infinity)
        return a == b ? 0 : UINT64_MAX;
    if ((a & sign) != (b & sign))
        return low + high;
    return low > high ? low - high : high - low;
}

static uint64_t flush(uint64_t bits) {
    return bits & 0x7f800000u ? bits : bits & 0x80000000u;
}

/* The sum of two halves is exact in a double, of two bfloat16 numbers innocuously rounded (a
 * double has more than twice their bits), so that rounding it to the format rounds once. */
static uint64_t add_narrow(enum element type, uint64_t old, uint64_t value) {
    uint16_t both[2] = {(uint16_t)old, (uint16_t)value};
    element_set(type, both, 0, element_get(type, both, 0) + element_get(type, both, 1));
    return both[0];
}

uint64_t atomics_add_bits(enum atomics_add add, uint64_t old, uint64_t value) {
    uint64_t sum;
    switch (add) {
    case ATOMICS_ADD_F32:
        sum = round_f32_bits(round_f32_from((uint32_t)old) + round_f32_from((uint32_t)value));
        break;
    case ATOMICS_ADD_F32_FLUSH:
        sum = flush(round_f32_bits(round_f32_from((uint32_t)flush(old)) +
                                   round_f32_from((uint32_t)flush(value))));
        break;
    case ATOMICS_ADD_F64:
        sum = round_f64_bits(round_f64_from(old) + round_f64_from(value));
        break;
    case ATOMICS_ADD_F16:
        sum = add_narrow(ELEMENT_F16, old, value);
        break;
    default:
        sum = add_narrow(ELEMENT_BF16, old, value);
    }
    return atomics_canonical(add, sum);
}

/* --- arrays ------------------------------------------------------------------------------------
 */

/* Where a lane is, and how long it is. Copied, since the array may be of the float type itself. */
static size_t lane_place(enum atomics_type type, size_t k, unsigned lane, size_t *bytes) {
    *bytes = type == ATOMICS_F64 ? 8 : type == ATOMICS_F32 ? 4 : 2;
    return (k * atomics_type_lanes(type) + lane) * *bytes;
}

uint64_t atomics_get(enum atomics_type type, const void *array, size_t k, unsigned lane) {
    size_t bytes, at = lane_place(type, k, lane, &bytes);
    uint64_t wide;
    uint32_t word;
    uint16_t half;
    if (bytes == 8) {
        memcpy(&wide, (const char *)array + at, sizeof wide);
        return wide;
    }
    if (bytes == 4) {
        memcpy(&word, (const char *)array + at, sizeof word);
        return word;
    }
    memcpy(&half, (const char *)array + at, sizeof half);
    return half;
}

void atomics_set(enum atomics_type type, void *array, size_t k, unsigned lane, uint64_t bits) {
    size_t bytes, at = lane_place(type, k, lane, &bytes);
    uint32_t word = (uint32_t)bits;
    uint16_t half = (uint16_t)bits;
    const void *from = bytes == 8 ? (const void *)&bits : bytes == 4 ? (const void *)&word : &half;
    memcpy((char *)array + at, from, bytes);
}

/* --- the updates of a plan ---------------------------------------------------------------------
 */

/* The thread, over all blocks, that takes element i. */
static size_t thread_of(const struct atomics_plan *plan, size_t n, size_t i) {
    size_t block = (size_t)plan->block, tile = block * (size_t)plan->items;
    return i / tile % atomics_grid(plan, n) * block + i % tile % block;
}

static size_t update_of(const void *context, size_t n, size_t i) {
    const struct atomics_plan *plan = context;
    switch (plan->merge) {
    case ATOMICS_NONE:
        return i;
    case ATOMICS_THREAD:
        return thread_of(plan, n, i);
    case ATOMICS_WARP:
        return thread_of(plan, n, i) / 32;
    default:
        return thread_of(plan, n, i) / (size_t)plan->block;
    }
}

/* -0.0, which adds nothing. */
static uint64_t nothing(enum atomics_add add) {
    return formats[add].sign;
}

/* `count` values (a power of two) to one: the upper half onto the lower half. */
static uint64_t fold_halves(enum atomics_add add, uint64_t *value, size_t count) {
    for (size_t distance = count / 2; distance > 0; distance /= 2)
        for (size_t k = 0; k < distance; k++)
            value[k] = atomics_add_bits(add, value[k], value[k + distance]);
    return value[0];
}

/* One lane of one block: its threads' accumulators to what its updates are. */
static void block_values(const struct atomics_plan *plan, const void *x, size_t n, size_t b,
                         unsigned lane, void *values) {
    enum atomics_type type = (enum atomics_type)plan->type;
    enum atomics_add add = atomics_add_plain(type);
    size_t block = (size_t)plan->block, tile = block * (size_t)plan->items;
    uint64_t sum[1024];
    for (size_t t = 0; t < block; t++)
        sum[t] = nothing(add);
    for (size_t first = b * tile; first < n; first += atomics_grid(plan, n) * tile)
        for (size_t i = first; i < n && i < first + tile; i++) {
            size_t t = (i - first) % block;
            sum[t] = atomics_add_bits(add, sum[t], atomics_get(type, x, i, lane));
        }
    if (plan->merge == ATOMICS_THREAD) {
        for (size_t t = 0; t < block; t++)
            atomics_set(type, values, b * block + t, lane, sum[t]);
        return;
    }
    size_t warps = block / 32;
    for (size_t w = 0; w < warps; w++)
        sum[w] = fold_halves(add, sum + 32 * w, 32);
    if (plan->merge == ATOMICS_WARP) {
        for (size_t w = 0; w < warps; w++)
            atomics_set(type, values, b * warps + w, lane, sum[w]);
        return;
    }
    for (size_t w = 1; w < warps; w++)
        sum[0] = atomics_add_bits(add, sum[0], sum[w]);
    atomics_set(type, values, b, lane, sum[0]);
}

void atomics_update_values(const struct atomics_plan *plan, const void *x, size_t n, void *values) {
    enum atomics_type type = (enum atomics_type)plan->type;
    if (plan->merge == ATOMICS_NONE) {
        memcpy(values, x, n * atomics_type_bytes(type));
        return;
    }
    for (size_t b = 0; b < atomics_grid(plan, n); b++)
        for (unsigned lane = 0; lane < atomics_type_lanes(type); lane++)
            block_values(plan, x, n, b, lane, values);
}

/* --- the results -------------------------------------------------------------------------------
 */

/* Partials of one address and lane, by so many lanes in turn, onto +0. */
static uint64_t add_partials(const struct atomics_case *c, size_t address, unsigned lane) {
    enum atomics_add add = atomics_add_plain(c->type);
    uint64_t sum[32];
    size_t lanes = c->lanes_of_partials;
    for (size_t l = 0; l < lanes; l++)
        sum[l] = lanes == 1 ? 0 : nothing(add);
    for (size_t j = 0; address + j * c->addresses < c->updates; j++)
        sum[j % lanes] = atomics_add_bits(
            add, sum[j % lanes], atomics_get(c->type, c->values, address + j * c->addresses, lane));
    return lanes == 1 ? sum[0] : atomics_add_bits(add, 0, fold_halves(add, sum, lanes));
}

struct fixed_sum {
    int64_t q;
    uint32_t flags;
};

static int model_fixed(const struct atomics_case *c, void *result, uint32_t *status, char *why) {
    struct fixed_sum *sum = calloc(c->addresses, sizeof *sum);
    if (!sum)
        PLAN_REFUSE("out of memory");
    double limit = atomics_fixed_limit(c->n, c->unit);
    for (size_t i = 0; i < c->n; i++) {
        struct fixed_sum *at = &sum[c->update_of(c->plan, c->n, i) % c->addresses];
        uint64_t bits = atomics_get(c->type, c->x, i, 0);
        double x = c->type == ATOMICS_F64 ? round_f64_from(bits) : round_f32_from((uint32_t)bits);
        if (fabs(x) <= limit)
            at->q += (int64_t)rint(ldexp(x, -c->unit));
        else
            at->flags |= atomics_fixed_trouble(x);
    }
    for (size_t a = 0; a < c->addresses; a++) {
        *status |= sum[a].flags;
        uint64_t bits = c->type == ATOMICS_F64
                            ? round_f64_bits(atomics_fixed_f64(sum[a].q, sum[a].flags, c->unit))
                            : round_f32_bits(atomics_fixed_f32(sum[a].q, sum[a].flags, c->unit));
        atomics_set(c->type, result, a, 0, bits);
    }
    free(sum);
    return 0;
}

static int model_binned_f32(const struct atomics_case *c, float *result, uint32_t *status,
                            char *why) {
    struct binned_f32 *sum = calloc(c->addresses, sizeof *sum);
    if (!sum)
        PLAN_REFUSE("out of memory");
    for (size_t i = 0; i < c->n; i++)
        binned_f32_deposit(&sum[c->update_of(c->plan, c->n, i) % c->addresses],
                           ((const float *)c->x)[i]);
    for (size_t a = 0; a < c->addresses; a++) {
        result[a] = binned_f32_value(&sum[a]);
        *status |= sum[a].flags;
    }
    free(sum);
    return 0;
}

static int model_binned_f64(const struct atomics_case *c, double *result, uint32_t *status,
                            char *why) {
    struct binned_f64 *sum = calloc(c->addresses, sizeof *sum);
    if (!sum)
        PLAN_REFUSE("out of memory");
    for (size_t i = 0; i < c->n; i++)
        binned_f64_deposit(&sum[c->update_of(c->plan, c->n, i) % c->addresses],
                           ((const double *)c->x)[i]);
    for (size_t a = 0; a < c->addresses; a++) {
        result[a] = binned_f64_value(&sum[a]);
        *status |= sum[a].flags;
    }
    free(sum);
    return 0;
}

int atomics_case_model(const struct atomics_case *c, void *result, uint32_t *status, char *why) {
    uint32_t unused = 0;
    status = status ? status : &unused;
    *status = 0;
    if (c->cure == ATOMICS_FIXED)
        return model_fixed(c, result, status, why);
    if (c->cure == ATOMICS_BINNED)
        return c->type == ATOMICS_F64 ? model_binned_f64(c, result, status, why)
                                      : model_binned_f32(c, result, status, why);
    bool free_order = c->cure == ATOMICS_PLAIN || c->cure == ATOMICS_LOGGED;
    if (free_order && c->updates > c->addresses)
        PLAN_REFUSE("%zu updates of %zu addresses may come in any order: no one result to "
                    "predict; replay a log, or explore",
                    c->updates, c->addresses);
    for (size_t a = 0; a < c->addresses; a++)
        for (unsigned lane = 0; lane < atomics_type_lanes(c->type); lane++) {
            uint64_t bits = 0;
            if (!free_order)
                bits = add_partials(c, a, lane);
            else if (a < c->updates)
                bits = atomics_add_bits(c->add, 0, atomics_get(c->type, c->values, a, lane));
            atomics_set(c->type, result, a, lane, bits);
        }
    return 0;
}

int atomics_model(const struct atomics_plan *plan, enum device_kind kind, const void *x, size_t n,
                  int unit, void *result, uint32_t *status, char *why) {
    if (atomics_plan_check(plan, n, why))
        return -1;
    struct atomics_case c = {
        .type = (enum atomics_type)plan->type,
        .cure = (enum atomics_cure)plan->cure,
        .addresses = (size_t)plan->addresses,
        .n = n,
        .updates = atomics_updates(plan, n),
        .x = x,
        .unit = unit,
        .add = atomics_add_rule((enum atomics_type)plan->type, kind),
        .lanes_of_partials = plan->cure == ATOMICS_ORDERED ? 32 : 1,
        .update_of = update_of,
        .plan = plan,
    };
    void *values = NULL;
    if (c.cure != ATOMICS_FIXED && c.cure != ATOMICS_BINNED) {
        values = malloc(c.updates * atomics_type_bytes(c.type));
        if (!values)
            PLAN_REFUSE("out of memory");
        atomics_update_values(plan, x, n, values);
        c.values = values;
    }
    int failed = atomics_case_model(&c, result, status, why);
    free(values);
    return failed;
}
