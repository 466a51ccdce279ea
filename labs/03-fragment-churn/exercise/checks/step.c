/*
 * step.c: steps of many kinds, against sums of integers of 128 bits.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { MOST = 16 };

struct task {
    uint32_t n;
    int32_t fraction;
    float a[MOST], b[MOST], c;
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    *(float *)out = step(t->a, t->b, t->n, t->c, t->fraction);
}

#else

/* A number of FP16's 11 bits: ± (1024 … 2047) · 2^exponent, as an integer and an exponent. */
struct half {
    int64_t significand;
    int exponent; /* of the number: significand is 1024 … 2047 times 2^(exponent - 10) */
};

static struct half draw(struct exercise *e, int spread) {
    struct half h = {(int64_t)(1024 + random_below(e, 1024)),
                     (int)random_below(e, (unsigned)(2 * spread + 1)) - spread};
    if (random_bits(e) & 1)
        h.significand = -h.significand;
    if (random_below(e, 16) == 0)
        h.significand = 0;
    return h;
}

static float value(struct half h) {
    return (float)ldexp((double)h.significand, h.exponent - 10);
}

/* An integer times 2^exponent, cut to a multiple of 2^unit, in such units. */
static int64_t cut(int64_t integer, int exponent, int unit) {
    int64_t size = integer < 0 ? -integer : integer;
    int shift = exponent - unit;
    size = shift >= 0 ? size << shift : shift > -63 ? size >> -shift : 0;
    return integer < 0 ? -size : size;
}

static float expected(const struct half *a, const struct half *b, uint32_t n, int64_t c,
                      int c_exponent, int fraction) {
    int top = INT32_MIN, drop = 0;
    int64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        if (a[i].significand && b[i].significand && a[i].exponent + b[i].exponent > top)
            top = a[i].exponent + b[i].exponent;
    if (c && c_exponent > top)
        top = c_exponent;
    if (top == INT32_MIN)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        sum += cut(a[i].significand * b[i].significand, a[i].exponent + b[i].exponent - 20,
                   top - fraction);
    sum += cut(c, c_exponent - 23, top - fraction);
    int64_t size = sum < 0 ? -sum : sum;
    while (size >> drop >= 1 << 24)
        drop++;
    size = size >> drop << drop;
    return (float)ldexp((double)(sum < 0 ? -size : size), top - fraction);
}

/* c = -a b, as an integer of 24 bits and an exponent. */
static int64_t minus_product(struct half a, struct half b, int *exponent) {
    int64_t product = -a.significand * b.significand, size = product < 0 ? -product : product;
    *exponent = a.exponent + b.exponent + (size >= 1 << 21);
    return size >= 1 << 21 ? product * 4 : product * 8;
}

/* What can be seen of it: how far off, and to which side. */
static const char *remark(float yours, float right, char *text, size_t size) {
    uint32_t y, r;
    memcpy(&y, &yours, sizeof y);
    memcpy(&r, &right, sizeof r);
    if (isnan(yours))
        return "no number";
    if (y << 1 == 0)
        return y ? "-0" : "zero";
    if (r << 1 == 0 || y >> 31 != r >> 31)
        return right == 0 ? "not zero" : "of the other sign";
    uint32_t off = y > r ? y - r : r - y;
    snprintf(text, size, "%u unit%s in the last place too %s zero", off, off == 1 ? "" : "s",
             y > r ? "far from" : "near to");
    return text;
}

static int say(struct exercise *e, const struct task *t, float right, float yours) {
    char products[120] = "", text[80];
    size_t used = 0;
    for (uint32_t i = 0; i < t->n && i < 2; i++)
        used += (size_t)snprintf(products + used, sizeof products - used, "%s%a x %a",
                                 i ? ", " : ": ", (double)t->a[i], (double)t->b[i]);
    return not_yet(e,
                   "%u product%s%s%s; c = %a, fraction %d. The matrix unit gives %a; yours is %a, "
                   "which is %s.",
                   t->n, t->n == 1 ? "" : "s", products, t->n > 2 ? ", ..." : "", (double)t->c,
                   t->fraction, (double)right, (double)yours,
                   remark(yours, right, text, sizeof text));
}

enum { TURNS = 3200 };

/* Few products first: what is said is then easy to follow. */
static int check(struct exercise *e) {
    for (int turn = 0; turn < TURNS; turn++) {
        struct half a[MOST], b[MOST];
        struct task t = {.n = 1 + (uint32_t)(turn * MOST / TURNS),
                         .fraction = 20 + (int)random_below(e, 7)};
        int spread = turn % 3 == 0 ? 0 : turn % 3 == 1 ? 3 : 12, c_exponent = 0;
        int64_t c = 0;
        for (uint32_t i = 0; i < t.n; i++) {
            a[i] = draw(e, spread);
            b[i] = draw(e, spread);
            if (turn % 50 >= 48) /* nothing but zeros, or c and one product that cancel */
                a[i].significand = 0;
        }
        if (turn % 50 == 49) {
            a[t.n - 1] = draw(e, spread);
            c = minus_product(a[t.n - 1], b[t.n - 1], &c_exponent);
        } else if (turn % 5 && turn % 50 != 48) { /* a float of 24 bits */
            c = (int64_t)(1 << 23) + (int64_t)random_below(e, 1 << 23);
            c = random_bits(e) & 1 ? -c : c;
            c_exponent = (int)random_below(e, (unsigned)(2 * spread + 1)) - spread;
        }
        for (uint32_t i = 0; i < t.n; i++) {
            t.a[i] = value(a[i]);
            t.b[i] = value(b[i]);
        }
        t.c = (float)ldexp((double)c, c_exponent - 23);
        float yours, right = expected(a, b, t.n, c, c_exponent, t.fraction);
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (memcmp(&yours, &right, sizeof right) != 0)
            return say(e, &t, right, yours);
    }
    return 0;
}

#endif
