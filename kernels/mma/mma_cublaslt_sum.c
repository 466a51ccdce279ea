/*
 * mma_cublaslt_sum.c: one output in a published order (mma_cublaslt_order.h).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mma/mma_cublaslt_order.h"

int mma_cublaslt_rule(const struct mma_cublaslt_order *order, int arch, enum element in,
                      struct mma_rule *rule) {
    char name[16];
    snprintf(name, sizeof name, "sm_%d", arch);
    const struct mma_rule *found = mma_rule_find(name, order->form, in, ELEMENT_F32);
    if (!found)
        return -1;
    *rule = *found;
    if (order->k && order->k < rule->k)
        rule->k = order->k;
    if (rule->block > rule->k)
        rule->block = rule->k;
    return 0;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The end of the first part of a slice [begin, end): its remainder by the stage, or all of it. */
static size_t first_part(const struct mma_cublaslt_order *o, size_t begin, size_t end) {
    size_t remainder = o->first ? (end - begin) % o->first : 0;
    return remainder ? begin + remainder : end;
}

static float matrix_slice(const struct mma_cublaslt_order *o, const struct mma_rule *rule,
                          const float *a, const float *b, size_t begin, size_t end) {
    if (o->close) {
        float sum = 0;
        for (size_t at = begin; at < end; at += o->close) {
            float part = mma_dot(rule, a + at, b + at, least(o->close, end - at), 0);
            sum = at == begin ? part : sum + part;
        }
        return sum;
    }
    size_t middle = first_part(o, begin, end);
    float sum = mma_dot(rule, a + begin, b + begin, middle - begin, 0);
    return mma_dot(rule, a + middle, b + middle, end - middle, sum);
}

/* Lanes load `vector` neighbours each, tile after tile; what lies beyond the end is 0. A product of
 * 16-bit numbers is exact, so whether it is fused does not matter (above 2^-126). */
static float lane_slice(const struct mma_cublaslt_order *o, const float *a, const float *b,
                        size_t begin, size_t end) {
    size_t width = (size_t)o->vector, tile = width * (size_t)o->lanes;
    size_t tiles = (end - begin + tile - 1) / tile, group = o->tiles ? o->tiles : tiles;
    float total[32] = {0};
    for (size_t l = 0; l < (size_t)o->lanes; l++) {
        for (size_t t = 0; t < tiles; t += group) {
            float sum = 0;
            for (size_t u = t; u < t + group; u++)
                for (size_t i = 0; i < width; i++) {
                    size_t k = begin + u * tile + l * width + i;
                    sum = k < end ? fmaf(a[k], b[k], sum) : sum + 0.0F;
                }
            total[l] = t == 0 ? sum : total[l] + sum;
        }
    }
    for (int d = o->lanes / 2; o->tree && d > 0; d /= 2)
        for (int l = 0; l < d; l++)
            total[l] += total[l + d];
    for (int l = 1; !o->tree && l < o->lanes; l++)
        total[0] += total[l];
    return total[0];
}

#define THREADS 128

static float block_part(const struct mma_cublaslt_order *o, const float *a, const float *b,
                        size_t used, size_t block) {
    size_t width = (size_t)o->vector, tile = width * THREADS;
    size_t rounds = ((used + tile - 1) / tile + o->blocks - 1) / o->blocks;
    float sum[THREADS];
    for (size_t t = 0; t < THREADS; t++) {
        sum[t] = 0;
        for (size_t i = 0; i < width; i++) {
            float own = 0;
            for (size_t r = 0; r < rounds; r++) {
                size_t k = (r * o->blocks + block) * tile + t * width + i;
                own = k < used ? fmaf(a[k], b[k], own) : own + 0.0F;
            }
            sum[t] += own;
        }
    }
    for (size_t d = THREADS / 2; d > 0; d /= 2)
        for (size_t t = 0; t < d; t++)
            sum[t] += sum[t + d];
    return sum[0];
}

/* The second kernel, of 128 threads: every 128th part to a thread; two folds; 8 groups of 4. */
static float blocks(const struct mma_cublaslt_order *o, const float *a, const float *b) {
    float q[THREADS] = {0}, u[4], total;
    for (size_t j = 0; j < o->blocks; j++) {
        float part = block_part(o, a, b, o->used, j);
        q[j % THREADS] = j < THREADS ? part : q[j % THREADS] + part;
    }
    for (size_t d = THREADS / 2; d >= 32; d /= 2)
        for (size_t t = 0; t < d; t++)
            q[t] += q[t + d];
    for (size_t j = 0; j < 4; j++) {
        u[j] = q[j];
        for (size_t g = 1; g < 8; g++)
            u[j] += q[4 * g + j];
    }
    total = u[0];
    for (size_t j = 1; j < 4; j++)
        total += u[j];
    return total;
}

static float rounded(enum element out, float value) {
    unsigned char room[8];
    element_set(out, room, 0, (double)value);
    return (float)element_get(out, room, 0);
}

float mma_cublaslt_sum(const struct mma_cublaslt_order *o, const struct mma_rule *rule,
                       const float *a, const float *b, size_t k, enum element out) {
    size_t used = least(o->used, k);
    float sum = 0;
    if (o->kind == MMA_CUBLASLT_BLOCKS)
        return rounded(out, blocks(o, a, b));
    for (size_t begin = 0; begin < used; begin += o->chunk) {
        size_t end = least(begin + o->chunk, used);
        float part = o->kind == MMA_CUBLASLT_LANES ? lane_slice(o, a, b, begin, end)
                                                   : matrix_slice(o, rule, a, b, begin, end);
        if (o->merge == MMA_CUBLASLT_ROUNDED)
            part = rounded(out, part);
        sum = begin == 0 ? part : sum + part;
        if (o->merge == MMA_CUBLASLT_SERIAL)
            sum = rounded(out, sum);
    }
    return rounded(out, sum);
}

size_t mma_cublaslt_slices(const struct mma_cublaslt_order *o, size_t k, enum element out_type,
                           struct mma_slice *out, size_t most) {
    size_t used = least(o->used, k), count = 0;
    if (o->kind != MMA_CUBLASLT_MATRIX ||
        (o->merge != MMA_CUBLASLT_IN_F32 && out_type != ELEMENT_F32) ||
        (o->close && used > o->chunk))
        return 0;
    size_t chunk = o->close ? o->close : o->chunk;
    for (size_t begin = 0; begin < used; begin += chunk) {
        size_t end = least(begin + chunk, used), middle = first_part(o, begin, end);
        if (count < most)
            out[count] = (struct mma_slice){begin, middle, true};
        count++;
        if (middle == end)
            continue;
        if (count < most)
            out[count] = (struct mma_slice){middle, end, false};
        count++;
    }
    return count;
}
