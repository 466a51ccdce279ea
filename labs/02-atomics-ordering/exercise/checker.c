/*
 * checker.c: runs one exercise's function on data on which nearly right answers have shown
 * themselves to be wrong. Compiled together with the file to be checked, and with EXERCISE set to
 * its number. Exit status: 0 right, 1 not yet (the reason is on stdout).
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exercise.h"

/* SplitMix64: the same numbers everywhere. */
static uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double random_unit(uint64_t *state) {
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

static void shuffle(size_t *order, size_t n, uint64_t *state) {
    for (size_t k = 0; k < n; k++)
        order[k] = k;
    for (size_t k = n; k > 1; k--) {
        size_t j = random_bits(state) % k, other = order[j];
        order[j] = order[k - 1];
        order[k - 1] = other;
    }
}

#if EXERCISE == 1

#define N 999

/* Adds x in an order and by `parts` totals, merged in an order too. */
static int total_of(const float *x, size_t n, const size_t *order, size_t parts, uint64_t *state,
                    float *sum) {
    struct total *part[8];
    size_t merge[8];
    for (size_t p = 0; p < parts; p++)
        part[p] = calloc(1, total_size());
    for (size_t k = 0; k < n; k++)
        total_add(part[k % parts], x[order[k]]);
    shuffle(merge, parts, state);
    for (size_t p = 1; p < parts; p++)
        total_merge(part[merge[0]], part[merge[p]]);
    int status = total_value(part[merge[0]], sum);
    for (size_t p = 0; p < parts; p++)
        free(part[p]);
    return status;
}

/*
 * Uniform; of many magnitudes; and a sum that lies between two floats, 1 + 2^-24 and a little, of
 * which a wide float loses the little or not by its place in the order.
 */
static void make(float x[N], int kind, uint64_t *state) {
    for (size_t i = 0; i < N; i++) {
        double sign = random_bits(state) & 1 ? -1 : 1;
        x[i] = (float)(kind == 0   ? sign * random_unit(state)
                       : kind == 1 ? sign * exp2(-60 * random_unit(state))
                       : i < 6     ? 0x1.8p-54
                                   : 0);
    }
    if (kind == 2) {
        x[0] = 1;
        x[1] = 0x1p-24f;
    }
}

static int check(void) {
    static float x[N];
    size_t order[N];
    uint64_t state = 1;
    for (int kind = 0; kind < 3; kind++) {
        make(x, kind, &state);
        long double exact = 0; /* 64 bits: wrong by far less than the bound */
        for (size_t i = 0; i < N; i++)
            exact += x[i];
        float first = 0;
        for (int turn = 0; turn < 400; turn++) {
            float sum;
            shuffle(order, N, &state);
            if (total_of(x, N, order, 1 + (size_t)turn % 8, &state, &sum) != 0) {
                printf("a sum of numbers in range was refused\n");
                return 1;
            }
            if (turn == 0)
                first = sum;
            if (memcmp(&first, &sum, sizeof sum) != 0) {
                printf("another order gave %.9g instead of %.9g\n", sum, first);
                return 1;
            }
            double bound = 0x1p-30 + fabs((double)exact) * 0x1p-24;
            if (!(fabs((double)((long double)sum - exact)) <= bound)) {
                printf("%.9g is not within 2^-30 of the exact sum %.9Lg\n", sum, exact);
                return 1;
            }
        }
    }
    static const float misfits[] = {NAN, INFINITY, -INFINITY, 1.0000001f, -2, 3e38f};
    for (size_t k = 0; k < sizeof misfits / sizeof *misfits; k++) {
        float sum, kept;
        size_t place = random_bits(&state) % N;
        make(x, 0, &state);
        kept = x[place];
        x[place] = misfits[k];
        shuffle(order, N, &state);
        if (total_of(x, N, order, 1 + k, &state, &sum) == 0) {
            printf("%g was added and nobody was told; the sum is %.9g\n", misfits[k], sum);
            return 1;
        }
        x[place] = kept;
    }
    return 0;
}

#elif EXERCISE == 2

static float *reached;
static size_t reached_count;

static void extend(const float *x, size_t n, unsigned done, float sum) {
    if (done == (1u << n) - 1)
        reached[reached_count++] = sum;
    for (unsigned u = 0; u < n; u++)
        if (!(done >> u & 1))
            extend(x, n, done | 1u << u, sum + x[u]);
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int check(void) {
    static float orders[5040], yours[5041];
    uint64_t state = 2;
    reached = orders;
    for (size_t n = 1; n <= 7; n++)
        for (int turn = 0; turn < 12; turn++) {
            float x[7];
            for (size_t i = 0; i < n; i++) {
                double sign = random_bits(&state) & 1 ? -1 : 1;
                x[i] = (float)(sign * (turn % 3 == 0 ? random_unit(&state)
                                                     : exp2(30 * random_unit(&state))));
            }
            if (turn % 4 == 3 && n > 1) /* equal ones */
                x[0] = x[n - 1];
            reached_count = 0;
            extend(x, n, 0, 0);
            qsort(orders, reached_count, sizeof *orders, ascending);
            size_t distinct = 0;
            for (size_t k = 0; k < reached_count; k++)
                if (k == 0 || orders[k] != orders[distinct - 1])
                    orders[distinct++] = orders[k];
            size_t count = reach(x, n, yours);
            if (count != distinct) {
                printf("%zu numbers: there are %zu results, not %zu\n", n, distinct, count);
                return 1;
            }
            for (size_t k = 0; k < count; k++)
                if (yours[k] != orders[k]) {
                    printf("%zu numbers: result %zu is %.9g, not %.9g\n", n, k, orders[k],
                           yours[k]);
                    return 1;
                }
        }
    return 0;
}

#elif EXERCISE == 3

#define MOST 1000

/* Positive numbers; mixed ones; few different ones, so that values come back again and again. */
static void make(float *x, size_t n, int kind, uint64_t *state) {
    for (size_t i = 0; i < n; i++) {
        double sign = random_bits(state) & 1 ? -1 : 1;
        x[i] = kind == 0   ? (float)random_unit(state)
               : kind == 1 ? (float)(sign * random_unit(state))
                           : (float)(sign * (double)(random_bits(state) % 3));
    }
}

static int check(void) {
    static float x[MOST], old[MOST];
    static size_t order[MOST], yours[MOST];
    static unsigned char seen[MOST];
    static const size_t sizes[] = {1, 2, 3, 7, 30, 200, MOST};
    uint64_t state = 3;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int turn = 0; turn < 30; turn++) {
            size_t n = sizes[s];
            make(x, n, turn % 3, &state);
            shuffle(order, n, &state);
            float value = 0;
            for (size_t k = 0; k < n; k++) {
                old[order[k]] = value;
                value += x[order[k]];
            }
            if (replay(x, old, n, yours) != 0) {
                printf("%zu updates: no order was found, and there is one\n", n);
                return 1;
            }
            float now = 0;
            memset(seen, 0, sizeof seen);
            for (size_t k = 0; k < n; k++) {
                size_t u = yours[k];
                if (u >= n || seen[u]++) {
                    printf("%zu updates: place %zu of the order is no update, or one again\n", n,
                           k);
                    return 1;
                }
                if (old[u] != now) {
                    printf("%zu updates: update %zu found %.9g, but at its turn there is %.9g\n", n,
                           u, old[u], now);
                    return 1;
                }
                now += x[u];
            }
        }
    return 0;
}

#else
#error "EXERCISE is 1, 2 or 3"
#endif

int main(void) {
    return check();
}
