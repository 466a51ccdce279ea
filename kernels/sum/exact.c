/*
 * exact.c: exact sums on the host.
 *
 * Long arrays go through tables with one entry for each sign and exponent: an element costs one
 * integer addition to one entry, with no carry and no branch, and the table is spread over the
 * limbs at the end. Several tables take turns, so that a run of equal exponents does not wait for
 * its own stores. Short arrays, and products of doubles, go to the limbs directly.
 */
#include "kernels/sum/exact.h"

#include <math.h>
#include <stdlib.h>

#define F32_TABLES 4
#define F64_TABLES 2
/* Below this many elements, clearing the tables costs more than depositing in the limbs. */
#define TABLE_MIN 512
/* Elements between two spreads of the tables: 2^30 mantissas of 24 bits fit an entry. */
#define TABLE_MAX ((size_t)1 << 30)

/* Passes carries on, until every limb but the last is in 0…2^32-1. */
static void normalise(int64_t *limb, int count) {
    for (int i = 0; i + 1 < count; i++) {
        limb[i + 1] += limb[i] >> 32;
        limb[i] &= 0xffffffff;
    }
}

/* Adds ±v · 2^(place + least). */
static void spread(int64_t *limb, unsigned __int128 v, int negative, int place) {
    int shift = place & 31;
    int i = place >> 5;
    /* v < 2^96 here: 53-bit mantissas, at most 2^30 of them. */
    unsigned __int128 low = (v & 0xffffffffffffffffu) << shift;
    unsigned __int128 high = ((v >> 64) << shift) + (low >> 64);
    uint32_t digit[4] = {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high,
                         (uint32_t)(high >> 32)};
    for (int k = 0; k < 4; k++) {
        if (digit[k])
            limb[i + k] += negative ? -(int64_t)digit[k] : (int64_t)digit[k];
    }
}

static float special_f32(uint32_t flags) {
    struct binned_f32 sum = binned_f32_zero();
    sum.flags = flags;
    return binned_f32_value(&sum);
}

/* The limbs as sign and a magnitude of 64 bits times 2^e, the lowest bit sticky. */
static uint64_t leading(const int64_t *limbs, int count, int least, int *negative, int *e) {
    int64_t digit[EXACT_PRODUCT_LIMBS + 1];
    for (int i = 0; i < count; i++)
        digit[i] = limbs[i];
    digit[count] = 0;
    normalise(digit, count + 1);
    *negative = digit[count] < 0;
    if (*negative) {
        for (int i = 0; i <= count; i++)
            digit[i] = -digit[i];
        normalise(digit, count + 1);
    }
    int top = count;
    while (top >= 0 && digit[top] == 0)
        top--;
    *e = least;
    if (top < 0)
        return 0;
    uint64_t next = top >= 1 ? (uint64_t)digit[top - 1] : 0;
    uint64_t after = top >= 2 ? (uint64_t)digit[top - 2] : 0;
    uint64_t sticky = 0;
    for (int i = top - 3; i >= 0; i--)
        sticky |= (uint64_t)digit[i];
    int room = 31 - round_top_bit((uint64_t)digit[top]);
    uint64_t m = ((uint64_t)digit[top] << 32 | next) << room;
    uint64_t rest = after << room;
    *e = least + 32 * (top - 1) - room;
    return m | rest >> 32 | ((uint32_t)rest != 0 || sticky != 0);
}

float exact_round_f32(const int64_t *limbs, int count, int least, uint32_t flags) {
    if (flags)
        return special_f32(flags);
    int negative, e;
    uint64_t m = leading(limbs, count, least, &negative, &e);
    return round_f32_from(round_f32_pack(negative, m, e));
}

double exact_round_f64(const int64_t *limbs, int count, int least, uint32_t flags) {
    if (flags)
        return (double)special_f32(flags);
    int negative, e;
    uint64_t m = leading(limbs, count, least, &negative, &e);
    return round_f64_from(round_f64_pack(negative, m, e));
}

/* --- floats -------------------------------------------------------------------------------- */

static void f32_add_short(struct exact_f32 *sum, const float *x, size_t n, uint32_t mask) {
    for (size_t i = 0; i < n; i++) {
        float v = round_f32_from(round_f32_bits(x[i]) & mask);
        uint32_t kind = binned_f32_class(v);
        sum->flags |= kind;
        if (kind)
            continue;
        int first;
        int64_t digit[2];
        exact_f32_digits(v, &first, digit);
        sum->limb[first] += digit[0];
        sum->limb[first + 1] += digit[1];
    }
    normalise(sum->limb, EXACT_F32_LIMBS);
}

static inline void f32_table_add(uint64_t *table, float x) {
    uint32_t bits = round_f32_bits(x);
    uint32_t hidden = (bits & 0x7f800000u) != 0;
    table[bits >> 23] += (bits & 0x7fffffu) | hidden << 23;
}

static void f32_add_masked(struct exact_f32 *sum, const float *x, size_t n, uint32_t mask) {
    while (n >= TABLE_MIN) {
        uint64_t table[F32_TABLES][512] = {{0}};
        size_t take = n < TABLE_MAX ? n : TABLE_MAX;
        size_t i = 0;
        for (; i + F32_TABLES <= take; i += F32_TABLES)
            for (int k = 0; k < F32_TABLES; k++)
                f32_table_add(table[k], x[i + (size_t)k]);
        for (; i < take; i++)
            f32_table_add(table[0], x[i]);
        int special = 0;
        for (int at = 0; at < 512; at++) {
            uint64_t v = table[0][at] + table[1][at] + table[2][at] + table[3][at];
            int field = at & 255;
            if (field == 255)
                special |= v != 0;
            else if (v)
                spread(sum->limb, v, at >> 8 && mask >> 31, field ? field - 1 : 0);
        }
        for (i = 0; special && i < take; i++)
            sum->flags |= binned_f32_class(round_f32_from(round_f32_bits(x[i]) & mask));
        normalise(sum->limb, EXACT_F32_LIMBS);
        x += take;
        n -= take;
    }
    f32_add_short(sum, x, n, mask);
}

void exact_f32_add(struct exact_f32 *sum, const float *x, size_t n) {
    f32_add_masked(sum, x, n, 0xffffffffu);
}

void exact_f32_add_abs(struct exact_f32 *sum, const float *x, size_t n) {
    f32_add_masked(sum, x, n, 0x7fffffffu);
}

void exact_f32_merge(struct exact_f32 *into, const struct exact_f32 *from) {
    for (int i = 0; i < EXACT_F32_LIMBS; i++)
        into->limb[i] += from->limb[i];
    into->flags |= from->flags;
    normalise(into->limb, EXACT_F32_LIMBS);
}

float exact_f32_value(const struct exact_f32 *sum) {
    return exact_round_f32(sum->limb, EXACT_F32_LIMBS, EXACT_F32_LEAST, sum->flags);
}

double exact_f32_value_f64(const struct exact_f32 *sum) {
    return exact_round_f64(sum->limb, EXACT_F32_LIMBS, EXACT_F32_LEAST, sum->flags);
}

float exact_sum_f32(const float *x, size_t n) {
    struct exact_f32 sum = {{0}, 0};
    exact_f32_add(&sum, x, n);
    return exact_f32_value(&sum);
}

double exact_sum_f32_as_f64(const float *x, size_t n) {
    struct exact_f32 sum = {{0}, 0};
    exact_f32_add(&sum, x, n);
    return exact_f32_value_f64(&sum);
}

/* --- doubles ------------------------------------------------------------------------------- */

static void f64_deposit(struct exact_f64 *sum, double x) {
    uint32_t kind = binned_f64_class(x);
    sum->flags |= kind;
    if (kind)
        return;
    int first;
    int64_t digit[3];
    exact_f64_digits(x, &first, digit);
    for (int k = 0; k < 3; k++)
        sum->limb[first + k] += digit[k];
}

static inline void f64_table_add(unsigned __int128 *table, double x) {
    uint64_t bits = round_f64_bits(x);
    uint64_t hidden = (bits & 0x7ff0000000000000u) != 0;
    table[bits >> 52] += (bits & 0xfffffffffffffu) | hidden << 52;
}

/* Element i of what is to be added: x[i], |x[i]|, or the product of the floats x[i] y[i]. */
enum f64_source { F64_PLAIN, F64_ABSOLUTE, F64_PRODUCTS };

static inline double f64_source_at(enum f64_source source, const void *x, const float *y,
                                   size_t i) {
    if (source == F64_PRODUCTS)
        return (double)((const float *)x)[i] * (double)y[i];
    double v = ((const double *)x)[i];
    return source == F64_ABSOLUTE ? fabs(v) : v;
}

static inline void f64_add_source(struct exact_f64 *sum, enum f64_source source, const void *x,
                                  const float *y, size_t n) {
    /* Two tables of 64 KiB: too much for the stack of a small thread. */
    unsigned __int128(*table)[4096] = n >= 8 * TABLE_MIN ? calloc(F64_TABLES, sizeof *table) : NULL;
    size_t done = 0;
    while (table && n - done >= 8 * TABLE_MIN) {
        size_t end = n - done < TABLE_MAX ? n : done + TABLE_MAX;
        size_t i = done;
        for (; i + F64_TABLES <= end; i += F64_TABLES)
            for (int k = 0; k < F64_TABLES; k++)
                f64_table_add(table[k], f64_source_at(source, x, y, i + (size_t)k));
        for (; i < end; i++)
            f64_table_add(table[0], f64_source_at(source, x, y, i));
        int special = 0;
        for (int at = 0; at < 4096; at++) {
            unsigned __int128 v = table[0][at] + table[1][at];
            int field = at & 2047;
            table[0][at] = table[1][at] = 0;
            if (field == 2047)
                special |= v != 0;
            else if (v)
                spread(sum->limb, v, at >> 11, field ? field - 1 : 0);
        }
        for (i = done; special && i < end; i++)
            sum->flags |= binned_f64_class(f64_source_at(source, x, y, i));
        normalise(sum->limb, EXACT_F64_LIMBS);
        done = end;
    }
    free(table);
    for (size_t i = done; i < n; i++) {
        f64_deposit(sum, f64_source_at(source, x, y, i));
        if ((i - done) % TABLE_MAX == TABLE_MAX - 1)
            normalise(sum->limb, EXACT_F64_LIMBS);
    }
    normalise(sum->limb, EXACT_F64_LIMBS);
}

void exact_f64_add(struct exact_f64 *sum, const double *x, size_t n) {
    f64_add_source(sum, F64_PLAIN, x, NULL, n);
}

void exact_f64_add_abs(struct exact_f64 *sum, const double *x, size_t n) {
    f64_add_source(sum, F64_ABSOLUTE, x, NULL, n);
}

void exact_f64_add_products_f32(struct exact_f64 *sum, const float *x, const float *y, size_t n) {
    f64_add_source(sum, F64_PRODUCTS, x, y, n);
}

void exact_f64_merge(struct exact_f64 *into, const struct exact_f64 *from) {
    for (int i = 0; i < EXACT_F64_LIMBS; i++)
        into->limb[i] += from->limb[i];
    into->flags |= from->flags;
    normalise(into->limb, EXACT_F64_LIMBS);
}

double exact_f64_value(const struct exact_f64 *sum) {
    return exact_round_f64(sum->limb, EXACT_F64_LIMBS, EXACT_F64_LEAST, sum->flags);
}

float exact_f64_value_f32(const struct exact_f64 *sum) {
    return exact_round_f32(sum->limb, EXACT_F64_LIMBS, EXACT_F64_LEAST, sum->flags);
}

double exact_sum_f64(const double *x, size_t n) {
    struct exact_f64 sum = {{0}, 0};
    exact_f64_add(&sum, x, n);
    return exact_f64_value(&sum);
}

float exact_dot_f32(const float *x, const float *y, size_t n) {
    struct exact_f64 sum = {{0}, 0};
    exact_f64_add_products_f32(&sum, x, y, n);
    return exact_f64_value_f32(&sum);
}

double exact_dot_f32_as_f64(const float *x, const float *y, size_t n) {
    struct exact_f64 sum = {{0}, 0};
    exact_f64_add_products_f32(&sum, x, y, n);
    return exact_f64_value(&sum);
}

/* --- products of doubles ------------------------------------------------------------------- */

/* Mantissa and place above 2^-1074 of the last bit of a finite double. */
static uint64_t parts(uint64_t bits, int *place) {
    int field = (int)(bits >> 52) & 0x7ff;
    *place = field ? field - 1 : 0;
    return (bits & 0xfffffffffffffu) | (field ? (uint64_t)1 << 52 : 0);
}

double exact_dot_f64(const double *x, const double *y, size_t n) {
    int64_t limb[EXACT_PRODUCT_LIMBS] = {0};
    uint32_t flags = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t a = round_f64_bits(x[i]), b = round_f64_bits(y[i]);
        if (binned_f64_class(x[i]) || binned_f64_class(y[i])) {
            flags |= binned_f64_class(x[i] * y[i]); /* IEEE's rule: 0 · inf is NaN */
            continue;
        }
        int p, q;
        unsigned __int128 m = (unsigned __int128)parts(a, &p) * parts(b, &q);
        int place = p + q, negative = (int)((a ^ b) >> 63);
        /* 106 bits and a shift below 32 are five digits: two spreads of 64 bits or fewer. */
        spread(limb, (uint64_t)m, negative, place);
        spread(limb, (uint64_t)(m >> 64), negative, place + 64);
        if (i % TABLE_MAX == TABLE_MAX - 1)
            normalise(limb, EXACT_PRODUCT_LIMBS);
    }
    return exact_round_f64(limb, EXACT_PRODUCT_LIMBS, EXACT_PRODUCT_LEAST, flags);
}

/* --- condition ----------------------------------------------------------------------------- */

static double condition(double magnitude, double sum, uint32_t flags) {
    if (flags)
        return round_f64_from(0x7ff8000000000000u);
    return magnitude == 0.0 ? 1.0 : magnitude / fabs(sum);
}

double exact_condition_f32(const float *x, size_t n) {
    struct exact_f32 sum = {{0}, 0}, magnitude = {{0}, 0};
    exact_f32_add(&sum, x, n);
    exact_f32_add_abs(&magnitude, x, n);
    return condition(exact_f32_value_f64(&magnitude), exact_f32_value_f64(&sum), sum.flags);
}

double exact_condition_f64(const double *x, size_t n) {
    struct exact_f64 sum = {{0}, 0}, magnitude = {{0}, 0};
    exact_f64_add(&sum, x, n);
    exact_f64_add_abs(&magnitude, x, n);
    return condition(exact_f64_value(&magnitude), exact_f64_value(&sum), sum.flags);
}
