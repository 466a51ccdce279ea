/*
 * mma_rule_dot.c: one dot product by a rule; see mma_rule.h.
 */
#include "kernels/mma/mma_rule_inside.h"

/* --- numbers -----------------------------------------------------------------------------------
 */

static int fraction_of(enum element format) {
    static const int bits[ELEMENTS] = {[ELEMENT_BF16] = 7,
                                       [ELEMENT_F16] = 10,
                                       [ELEMENT_TF32] = 10,
                                       [ELEMENT_E4M3] = 3,
                                       [ELEMENT_E5M2] = 2};
    return bits[format];
}
static int least_exponent_of(enum element format) {
    return format == ELEMENT_F16 || format == ELEMENT_E5M2 ? -14
           : format == ELEMENT_E4M3                        ? -6
                                                           : -126;
}

struct mma_unit mma_unit_of(const struct mma_rule *rule) {
    bool half = rule->out == ELEMENT_F16;
    return (struct mma_unit){
        .block = rule->block < rule->k ? rule->block : rule->k,
        .floor = rule->floor,
        .fraction = rule->fraction,
        .out_fraction = rule->out_fraction,
        .shift = MMA_PRODUCT_FRACTION - 2 * fraction_of(rule->as),
        .least_c = half ? -14 : -126,
        .nearest = rule->rounding == MMA_NEAREST_EVEN,
        .half = half,
    };
}

struct mma_number mma_number_of(const struct mma_rule *rule, float value) {
    uint32_t bits = mma_bits_of(value), field = bits >> 23 & 0xff;
    uint32_t significand = (bits & 0x7fffffu) | (field ? 0x800000u : 0u);
    if (!significand)
        return (struct mma_number){0, MMA_ZERO_EXPONENT};
    int own = field ? (int)field - 127 : -126, least = least_exponent_of(rule->as);
    int exponent = own > least ? own : least, away = 23 - fraction_of(rule->as) + exponent - own;
    significand = away > 31 ? 0 : significand >> away;
    if (!significand) /* what tf32 does not see */
        return (struct mma_number){0, MMA_ZERO_EXPONENT};
    return (struct mma_number){(int16_t)(bits >> 31 ? -(int32_t)significand : (int32_t)significand),
                               (int16_t)exponent};
}

static double power_of_two(int exponent) {
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float mma_unit_round(const struct mma_unit *unit, int64_t sum, int exponent) {
    if (sum == 0)
        return 0.0f;
    uint64_t size = sum < 0 ? -(uint64_t)sum : (uint64_t)sum;
    int top = 63 - __builtin_clzll(size) + exponent; /* of the highest bit */
    int least = unit->least_c;
    int last = (top > least ? top : least) - unit->out_fraction; /* of the lowest bit kept */
    int drop = last - exponent;
    if (drop > 0) {
        uint64_t kept = drop > 63 ? 0 : size >> drop;
        uint64_t rest = drop > 63 ? size : size & ((1ull << drop) - 1);
        uint64_t half = drop > 63 ? UINT64_MAX : 1ull << (drop - 1);
        size = kept + (unit->nearest && (rest > half || (rest == half && (kept & 1))));
        exponent = last;
    }
    if (size == 0)
        return 0.0f;
    double value = (double)size * power_of_two(exponent);
    if (value >= (unit->half ? 0x1p16 : 0x1p128))
        value = (double)INFINITY;
    return (float)(sum < 0 ? -value : value);
}

/* --- infinities and NaN ------------------------------------------------------------------------
 */

static bool all_finite(const float *a, const float *b, int n, float c) {
    uint32_t most = mma_bits_of(c) & 0x7fffffffu;
    for (int i = 0; i < n; i++) {
        uint32_t x = mma_bits_of(a[i]) & 0x7fffffffu, y = mma_bits_of(b[i]) & 0x7fffffffu;
        most = x > most ? x : most;
        most = y > most ? y : most;
    }
    return most < 0x7f800000u;
}

/* What a block gives if one of its terms is not finite: products of finite numbers all are. */
static float not_finite(const float *a, const float *b, int n, float c) {
    float sum = mma_is_finite(c) ? 0.0f : c;
    for (int i = 0; i < n; i++)
        if (!mma_is_finite(a[i]) || !mma_is_finite(b[i]))
            sum += a[i] * b[i];
    return isnan(sum) ? mma_nan() : sum;
}

/* --- one instruction ---------------------------------------------------------------------------
 */

static float block_of(const struct mma_rule *rule, const struct mma_unit *unit, const float *a,
                      const float *b, int n, float c) {
    struct mma_number x[64], y[64];
    if (!all_finite(a, b, n, c))
        return not_finite(a, b, n, c);
    for (int i = 0; i < n; i++) {
        x[i] = mma_number_of(rule, a[i]);
        y[i] = mma_number_of(rule, b[i]);
    }
    return mma_block(unit, x, y, n, c);
}

static float aligned(const struct mma_rule *rule, const struct mma_unit *unit, const float *a,
                     const float *b, int n, float c) {
    for (int i = 0; i < n; i += unit->block)
        c = block_of(rule, unit, a + i, b + i, n - i < unit->block ? n - i : unit->block, c);
    return c;
}

float mma_add_after_steps(bool half, float y, float c) {
    if (half) {
        double sum = (double)y + (double)c; /* exact */
        return isnan(sum) ? mma_nan() : element_from_f16(element_to_f16(sum));
    }
    float sum = y + c;
    return isnan(sum) ? mma_nan() : sum;
}

static float two_steps(const struct mma_rule *rule, const struct mma_unit *unit, const float *a,
                       const float *b, int n, float c) {
    float x = 0;
    for (int step = 0; step < 2; step++) {
        float low_a[32], low_b[32];
        int count = 0;
        for (int i = 2 * step; i < n; i += i % 2 ? 3 : 1) {
            low_a[count] = a[i];
            low_b[count++] = b[i];
        }
        x = aligned(rule, unit, low_a, low_b, count, x);
    }
    return mma_add_after_steps(unit->half, x, c);
}

static float chain(const struct mma_rule *rule, const float *a, const float *b, int n, float c) {
    float flushed = rule->flush ? mma_flush(c) : c;
    float sum[2] = {rule->chains == 2 ? 0.0f : flushed, 0.0f};
    int all = rule->k > 1 ? n + n % 2 : n; /* a missing second product is zero */
    for (int i = 0; i < all; i++) {
        int at = rule->swap ? i ^ 1 : i;
        float x = at < n ? a[at] : 0.0f, y = at < n ? b[at] : 0.0f;
        float *to = &sum[rule->chains == 2 ? at % 2 : 0];
        *to = rule->flush ? mma_fma_flushed(x, y, *to) : fmaf(x, y, *to);
    }
    float result = sum[0];
    if (rule->chains == 2) {
        result = rule->flush ? mma_flush(sum[0] + sum[1]) : sum[0] + sum[1];
        result = rule->flush ? mma_flush(flushed + result) : flushed + result;
    }
    return isnan(result) ? mma_nan() : result;
}

static float step(const struct mma_rule *rule, const struct mma_unit *unit, const float *a,
                  const float *b, int n, float c) {
    switch (rule->sum) {
    case MMA_ALIGNED:
        return aligned(rule, unit, a, b, n, c);
    case MMA_TWO_STEPS:
        return two_steps(rule, unit, a, b, n, c);
    default:
        return chain(rule, a, b, n, c);
    }
}

float mma_step(const struct mma_rule *rule, const float *a, const float *b, size_t n, float c) {
    struct mma_unit unit = mma_unit_of(rule);
    return step(rule, &unit, a, b, (int)n, c);
}

float mma_dot(const struct mma_rule *rule, const float *a, const float *b, size_t k, float c) {
    struct mma_unit unit = mma_unit_of(rule);
    size_t each = (size_t)rule->k;
    for (size_t i = 0; i < k; i += each)
        c = step(rule, &unit, a + i, b + i, (int)(k - i < each ? k - i : each), c);
    return c;
}

double mma_dot_f64(const double *a, const double *b, size_t k, double c) {
    for (size_t i = 0; i < k; i++)
        c = fma(a[i], b[i], c);
    return isnan(c) ? (double)NAN : c;
}
