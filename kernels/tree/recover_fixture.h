/*
 * recover_fixture.h: what the tests of recover() share: running it, and three plain sums.
 */
#ifndef NANOLAB_KERNELS_TREE_RECOVER_FIXTURE_H
#define NANOLAB_KERNELS_TREE_RECOVER_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/tree/recover.h"

typedef int sum_function(void *, const void *, size_t, double *);

static inline struct recovery run_sum(sum_function *sum, enum element type, enum element result,
                                      size_t n) {
    struct recover_target target = {.type = type, .result = result, .sum = sum};
    struct recovery found;
    int status = recover(&target, n, NULL, &found);
    if (status)
        fail_msg("recover: %s", found.why);
    return found;
}

static inline void expect_status(struct recovery *found, enum recover_status status) {
    if (found->status != status)
        fail_msg("%s (%s), expected: %s", recover_status_name(found->status), found->why,
                 recover_status_name(status));
    if (status == RECOVER_FOUND)
        assert_non_null(found->tree);
    else
        assert_true(found->tree == NULL && found->why[0]);
}

static inline int forward(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *result = sum;
    return 0;
}

static inline int backward(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = v[n - 1];
    for (size_t i = n - 1; i-- > 0;)
        sum += v[i];
    *result = sum;
    return 0;
}

/* Eight lanes down the array, the lanes by halves, what is left over behind. */
#define LANES 8
static inline int lanes(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += v[i + l];
    for (size_t step = LANES / 2; step; step /= 2)
        for (size_t l = 0; l < step; l++)
            lane[l] += lane[l + step];
    for (; i < n; i++)
        lane[0] += v[i];
    *result = lane[0];
    return 0;
}

/* Twice the inputs, halved again: right, but the masks double beyond the range. */
static inline int doubling(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += 2.0f * v[i];
    *result = 0.5f * sum;
    return 0;
}

#endif
