/*
 * functions.c: functions that nearly add, or add in a way of their own, for reveal_nasty_test.c.
 * Before each stands the verdict that it has to get. `SUM` is
 * float f(const float *x, size_t n); `DOT` float f(const float *x, const float *y, size_t n).
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xmmintrin.h>

#define SUM(name) float name(const float *x, size_t n)
#define DOT(name) float name(const float *x, const float *y, size_t n)
#define EACH for (size_t i = 0; i < n; i++)
/* LIST(name, beginning of the verdict, part of what is said): read by the test. */
#define LIST(...)

static float forward(const float *x, size_t n) {
    float s = 0;
    EACH s += x[i];
    return s;
}
static float backward(const float *x, size_t n) {
    float s = 0;
    while (n-- > 0)
        s += x[n];
    return s;
}

/* --- threads and chance: not deterministic ---------------------------------------------------- */

struct part {
    const float *x;
    size_t n;
    float *to;
    pthread_mutex_t *lock;
};
static void *arrive(void *context) {
    struct part *p = context;
    float s = forward(p->x, p->n);
    pthread_mutex_lock(p->lock);
    *p->to += s;
    pthread_mutex_unlock(p->lock);
    return NULL;
}
LIST(threads_as_they_arrive, "not deterministic", "the same")
SUM(threads_as_they_arrive) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t t[4];
    struct part p[4];
    float s = 0;
    for (size_t k = 0; k < 4; k++) {
        size_t from = k * n / 4, to = (k + 1) * n / 4;
        p[k] = (struct part){x + from, to - from, &s, &lock};
        pthread_create(&t[k], NULL, arrive, &p[k]);
    }
    for (int k = 0; k < 4; k++)
        pthread_join(t[k], NULL);
    return s;
}
/* A pool: the threads stay, and are told to go on. */
static struct pool {
    pthread_mutex_t lock;
    pthread_cond_t told, done;
    unsigned round, left;
    const float *x;
    size_t n;
    float sum;
} pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static void *serve(void *context) {
    size_t k = (size_t)context;
    for (unsigned seen = 0;;) {
        pthread_mutex_lock(&pool.lock);
        while (pool.round == seen)
            pthread_cond_wait(&pool.told, &pool.lock);
        seen = pool.round;
        size_t from = k * pool.n / 4, to = (k + 1) * pool.n / 4;
        pthread_mutex_unlock(&pool.lock);
        float s = forward(pool.x + from, to - from);
        pthread_mutex_lock(&pool.lock);
        pool.sum += s;
        if (--pool.left == 0)
            pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.lock);
    }
    return NULL;
}
LIST(a_pool_as_it_arrives, "not deterministic", "the same")
SUM(a_pool_as_it_arrives) {
    static int started;
    pthread_t t;
    for (size_t k = 0; !started && k < 4; k++)
        pthread_create(&t, NULL, serve, (void *)k);
    started = 1;
    pthread_mutex_lock(&pool.lock);
    pool.x = x, pool.n = n, pool.sum = 0, pool.left = 4, pool.round++;
    pthread_cond_broadcast(&pool.told);
    while (pool.left)
        pthread_cond_wait(&pool.done, &pool.lock);
    float s = pool.sum;
    pthread_mutex_unlock(&pool.lock);
    return s;
}
LIST(threads_in_their_places, "tree found", "")
SUM(threads_in_their_places) {
    pthread_mutex_t lock[3];
    pthread_t t[3];
    struct part p[3];
    float s[3] = {0};
    for (size_t k = 0; k < 3; k++) {
        size_t from = k * n / 3, to = (k + 1) * n / 3;
        pthread_mutex_init(&lock[k], NULL);
        p[k] = (struct part){x + from, to - from, &s[k], &lock[k]};
        pthread_create(&t[k], NULL, arrive, &p[k]);
    }
    for (int k = 0; k < 3; k++)
        pthread_join(t[k], NULL);
    return s[0] + s[1] + s[2];
}
LIST(now_and_then_backwards, "not deterministic", "the same")
SUM(now_and_then_backwards) {
    static unsigned calls;
    return ++calls % 61 ? forward(x, n) : backward(x, n);
}
LIST(alternating, "not deterministic", "the same")
SUM(alternating) {
    static unsigned calls;
    return ++calls % 2 ? forward(x, n) : backward(x, n);
}
LIST(random_start, "not deterministic", "the same")
SUM(random_start) {
    size_t from = (size_t)rand() % n;
    float s = 0;
    EACH s += x[(from + i) % n];
    return s;
}
LIST(stochastic_rounding, "not deterministic", "the same")
SUM(stochastic_rounding) {
    double s = 0;
    EACH {
        fesetround(rand() % 2 ? FE_UPWARD : FE_DOWNWARD);
        volatile float t = (float)(s + x[i]);
        s = t;
    }
    fesetround(FE_TONEAREST);
    return (float)s;
}

LIST(remembers, "not deterministic", "the same")
SUM(remembers) {
    static float last[4096], result;
    static size_t have;
    if (have == n && memcmp(last, x, n * sizeof *x) == 0)
        return nextafterf(result, 1e9f);
    memcpy(last, x, n * sizeof *x);
    have = n;
    return result = forward(x, n);
}

/* --- other rounding --------------------------------------------------------------------------- */

static float rounded(const float *x, size_t n, int mode, int leave) {
    int before = fegetround();
    fesetround(mode);
    volatile float s = 0;
    EACH s += x[i];
    if (!leave)
        fesetround(before);
    return s;
}
LIST(rounds_up, "another rounding mode", "rounds up")
SUM(rounds_up) {
    return rounded(x, n, FE_UPWARD, 1);
}
LIST(rounds_down, "another rounding mode", "rounds down")
SUM(rounds_down) {
    return rounded(x, n, FE_DOWNWARD, 0);
}
LIST(rounds_toward_zero, "another rounding mode", "rounds toward zero")
SUM(rounds_toward_zero) {
    return rounded(x, n, FE_TOWARDZERO, 0);
}
static float halves_up(const float *x, size_t n) {
    volatile float s = n == 1 ? x[0] : halves_up(x, n / 2) + halves_up(x + n / 2, n - n / 2);
    return s;
}
LIST(rounds_up_pairwise, "another rounding mode", "rounds up")
SUM(rounds_up_pairwise) {
    fesetround(FE_UPWARD);
    float s = halves_up(x, n);
    fesetround(FE_TONEAREST);
    return s;
}

/* --- no sums ---------------------------------------------------------------------------------- */

LIST(whole_numbers, "wrong result", "quarters")
SUM(whole_numbers) {
    int s = 0;
    EACH s = (int)((float)s + x[i]);
    return (float)s;
}
LIST(long_accumulator, "wrong result", "quarters")
SUM(long_accumulator) {
    int64_t s = 0;
    EACH s += (int64_t)x[i];
    return (float)s;
}
LIST(fixed_point_overflows, "wrong result", "give")
SUM(fixed_point_overflows) {
    int64_t s = 0;
    EACH s += (int64_t)((double)x[i] * 65536.0);
    return (float)((double)s / 65536.0);
}
LIST(rounds_each_input, "wrong result", "quarters")
SUM(rounds_each_input) {
    float s = 0;
    EACH s += rintf(x[i]);
    return s;
}
LIST(a_constant_added, "wrong result", "zeros give")
SUM(a_constant_added) {
    return forward(x, n) + 1e-30f;
}
LIST(starts_from_one, "wrong result", "zeros give")
SUM(starts_from_one) {
    return 1.0f + forward(x, n);
}
LIST(a_hair_less, "wrong result", "counts")
SUM(a_hair_less) {
    return forward(x, n) * (1.0f - 0x1p-24f);
}
LIST(clipped, "wrong result", "2^90")
SUM(clipped) {
    return fmaxf(-1e20f, fminf(1e20f, forward(x, n)));
}
LIST(the_first_twice, "wrong result", "x[0] counts 2 times")
SUM(the_first_twice) {
    return forward(x, n) + x[0];
}
LIST(magnitudes, "absolute values", "adds")
SUM(magnitudes) {
    float s = 0;
    EACH s += fabsf(x[i]);
    return s;
}
LIST(mean, "wrong result", "counts")
SUM(mean) {
    return forward(x, n) / (float)n;
}
LIST(reads_three_more, "wrong result", "may read beyond them")
SUM(reads_three_more) {
    return forward(x, n + 3);
}
LIST(reversed_y, "wrong result", "y from its end")
DOT(reversed_y) {
    float s = 0;
    EACH s += x[i] * y[n - 1 - i];
    return s;
}
LIST(forgets_y, "wrong result", "y is not read")
DOT(forgets_y) {
    (void)y;
    return forward(x, n);
}
LIST(forgets_x, "wrong result", "zeros give")
DOT(forgets_x) {
    (void)x;
    return forward(y, n);
}
LIST(squares, "wrong result", "whole numbers")
DOT(squares) {
    float s = 0;
    (void)y;
    EACH s += x[i] * x[i];
    return s;
}
LIST(every_other_y, "wrong result", "but y[1] is")
DOT(every_other_y) {
    float s = 0;
    EACH s += x[i] * y[i / 2 * 2];
    return s;
}
LIST(y_as_a_mask, "wrong result", "alone gives")
DOT(y_as_a_mask) {
    float s = 0;
    EACH s += y[i] != 0 ? x[i] : 0;
    return s;
}

/* --- fixed, but no tree of known arithmetic ----------------------------------------------------
 */

LIST(mean_of_two_orders, "no tree fits", "no tree has")
SUM(mean_of_two_orders) {
    return 0.5f * (forward(x, n) + backward(x, n));
}
LIST(mean_of_two_orders_f64, "no tree fits", "no tree has")
SUM(mean_of_two_orders_f64) {
    double a = 0, b = 0;
    EACH {
        a += x[i];
        b += x[n - 1 - i];
    }
    return (float)(0.5 * (a + b));
}
LIST(larger_of_two_orders, "no tree fits", "no tree has")
SUM(larger_of_two_orders) {
    float a = forward(x, n), b = 0;
    for (size_t i = 0; i < n; i += 2)
        b += x[i];
    for (size_t i = 1; i < n; i += 2)
        b += x[i];
    return 0.25f * a + 0.75f * b;
}
LIST(mean_of_three, "no tree fits", "no tree has")
SUM(mean_of_three) {
    float b = 0, c = 0;
    for (size_t i = 0; i < n; i += 2)
        b += x[i];
    for (size_t i = 1; i < n; i += 2)
        c += x[i];
    return 0.25f * forward(x, n) + 0.25f * backward(x, n) + 0.5f * (b + c);
}
static float to_tf32(float v) {
    uint32_t bits;
    memcpy(&bits, &v, 4);
    bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&v, &bits, 4);
    return v;
}
LIST(tf32_sums, "unknown arithmetic", "a tree fits")
SUM(tf32_sums) {
    float s = 0;
    EACH s = to_tf32(s + x[i]);
    return s;
}
LIST(tf32_inputs, "unknown arithmetic", "a tree fits")
SUM(tf32_inputs) {
    float s = 0;
    EACH s += to_tf32(x[i]);
    return s;
}

static int by_value(const void *a, const void *b) {
    float p = *(const float *)a, q = *(const float *)b;
    return (p > q) - (p < q);
}
LIST(the_lowest_with_the_highest, "no tree fits", "no order of the inputs")
SUM(the_lowest_with_the_highest) {
    float *v = malloc(n * sizeof *v), s = n % 2 ? 0 : -0.0f;
    memcpy(v, x, n * sizeof *v);
    qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n / 2; i++)
        s += v[i] + v[n - 1 - i];
    if (n % 2)
        s += v[n / 2];
    free(v);
    return s;
}
LIST(running_mean, "no tree fits", "no tree has")
SUM(running_mean) {
    double m = 0;
    EACH m += (x[i] - m) / (double)(i + 1);
    return (float)(m * (double)n);
}
LIST(same_neighbours_times_their_number, "unknown arithmetic", "a tree fits")
SUM(same_neighbours_times_their_number) {
    float s = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && x[j] == x[i]; j++)
            ;
        s += x[i] * (float)(j - i);
    }
    return s;
}
LIST(the_end_is_cut, "unknown arithmetic", "a tree fits")
SUM(the_end_is_cut) {
    double s = 0;
    EACH s += x[i];
    float f = (float)s;
    return fabs((double)f) > fabs(s) ? nextafterf(f, 0) : f;
}
LIST(nothing_but_nan, "wrong result", "may read")
SUM(nothing_but_nan) {
    (void)x, (void)n;
    return NAN;
}

/* --- compensated ------------------------------------------------------------------------------ */

LIST(kahan_f64, "compensated additions", "in f64")
SUM(kahan_f64) {
    double s = 0, c = 0;
    EACH {
        double y = x[i] - c, t = s + y;
        c = (t - s) - y;
        s = t;
    }
    return (float)s;
}
LIST(kahan_f32, "compensated additions", "in f32")
SUM(kahan_f32) {
    volatile float s = 0, c = 0;
    EACH {
        volatile float y = x[i] - c, t = s + y;
        c = (t - s) - y;
        s = t;
    }
    return s;
}
LIST(neumaier_f64, "compensated additions", "")
SUM(neumaier_f64) {
    double s = 0, c = 0;
    EACH {
        double v = x[i], t = s + v;
        c += fabs(s) >= fabs(v) ? (s - t) + v : (v - t) + s;
        s = t;
    }
    return (float)(s + c);
}
LIST(kahan_x87, "compensated additions", "x87")
SUM(kahan_x87) {
    volatile long double s = 0, c = 0;
    EACH {
        volatile long double y = x[i] - c, t = s + y;
        c = (t - s) - y;
        s = t;
    }
    return (float)s;
}
LIST(kahan_dot_f64, "compensated additions", "")
DOT(kahan_dot_f64) {
    double s = 0, c = 0;
    EACH {
        double v = (double)x[i] * y[i] - c, t = s + v;
        c = (t - s) - v;
        s = t;
    }
    return (float)s;
}

/* --- the data do choose the order --------------------------------------------------------------
 */

static int by_size(const void *a, const void *b) {
    float p = fabsf(*(const float *)a), q = fabsf(*(const float *)b);
    return (p > q) - (p < q);
}
LIST(sorts, "order depends on data", "smallest magnitude")
SUM(sorts) {
    float *v = malloc(n * sizeof *v);
    memcpy(v, x, n * sizeof *v);
    qsort(v, n, sizeof *v, by_size);
    float s = forward(v, n);
    free(v);
    return s;
}
LIST(sorts_in_f64, "order depends on data", "smallest magnitude")
SUM(sorts_in_f64) {
    float *v = malloc(n * sizeof *v);
    double s = 0;
    memcpy(v, x, n * sizeof *v);
    qsort(v, n, sizeof *v, by_size);
    EACH s += v[i];
    free(v);
    return (float)s;
}
LIST(signs_apart, "order depends on data", "positive inputs")
SUM(signs_apart) {
    float up = 0, down = 0;
    EACH {
        if (x[i] > 0)
            up += x[i];
        else
            down += x[i];
    }
    return up + down;
}
LIST(as_the_last_says, "order depends on data", "meet in a sum")
SUM(as_the_last_says) {
    return x[n - 2] < 0.5f ? backward(x, n) : forward(x, n);
}
LIST(large_ones_apart, "order depends on data", "meet in a sum")
SUM(large_ones_apart) {
    float small = 0, large = 0;
    EACH {
        if (fabsf(x[i]) > 1e4f)
            large += x[i];
        else
            small += x[i];
    }
    return large + small;
}

LIST(zeros_do_not_count, "order depends on data", "most inputs are zero")
SUM(zeros_do_not_count) {
    float *v = malloc(n * sizeof *v), s;
    size_t k = 0;
    EACH if (x[i] != 0) v[k++] = x[i];
    s = forward(v, k / 2) + forward(v + k / 2, k - k / 2);
    free(v);
    return s;
}

/* --- sums all the same ------------------------------------------------------------------------ */

LIST(bf16_sums, "tree found", "rounded to bf16")
SUM(bf16_sums) {
    float s = 0;
    EACH {
        uint32_t bits;
        s += x[i];
        memcpy(&bits, &s, 4);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
        memcpy(&s, &bits, 4);
    }
    return s;
}
LIST(in_128_bits, "tree found", "rounded to f128")
SUM(in_128_bits) {
    __float128 s = 0;
    EACH s += x[i];
    return (float)s;
}
LIST(in_the_x87, "tree found", "rounded to x87")
SUM(in_the_x87) {
    long double s = 0;
    EACH s += x[i];
    return (float)s;
}
LIST(wide_in_the_middle, "tree found", "")
SUM(wide_in_the_middle) {
    double s = 0;
    for (size_t i = 0; i < n / 2; i++)
        s += x[i];
    float t = (float)s;
    for (size_t i = n / 2; i < n; i++)
        t += x[i];
    return t;
}
LIST(aligned_loads, "tree found", "")
SUM(aligned_loads) {
    __m128 lanes = _mm_setzero_ps();
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        lanes = _mm_add_ps(lanes, _mm_load_ps(x + i));
    float a[4], s = 0;
    _mm_storeu_ps(a, lanes);
    for (int k = 0; k < 4; k++)
        s += a[k];
    for (; i < n; i++)
        s += x[i];
    return s;
}
