/*
 * mma_rule_fixture.h: the aligned sum once more, by its definition and in doubles, and other things
 * that the rules' tests share.
 */
#ifndef NANOLAB_KERNELS_MMA_RULE_FIXTURE_H
#define NANOLAB_KERNELS_MMA_RULE_FIXTURE_H

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kernels/mma/mma_rule.h"
#include "kernels/rng/philox.h"

/* Calls `use` for every .txt of a folder, `folder` or else `standard`. */
static inline void fixture_each_file(const char *folder, const char *standard,
                                     void (*use)(const char *path)) {
    struct dirent **names;
    folder = folder && *folder ? folder : standard;
    int count = scandir(folder, &names, NULL, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char path[600];
        size_t length = strlen(names[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (length > 4 && strcmp(names[i]->d_name + length - 4, ".txt") == 0)
            use(path);
        free(names[i]);
    }
    free(names);
}

static inline int fixture_least(enum element format) {
    return format == ELEMENT_F16 || format == ELEMENT_E5M2 ? -14
           : format == ELEMENT_E4M3                        ? -6
                                                           : -126;
}
static inline int fixture_exponent(double value, int least) {
    int e = ilogb(value);
    return e > least ? e : least;
}

/* c + the products of one block; `normalised`: exponents of products as if they were below 2. */
static inline double fixture_block(const struct mma_rule *rule, const float *a, const float *b,
                                   size_t n, double c, bool normalised) {
    double term[65], sum = 0;
    int least = fixture_least(rule->as), most = rule->floor;
    int least_c = fixture_least(rule->out == ELEMENT_F16 ? ELEMENT_F16 : ELEMENT_F32);
    for (size_t i = 0; i < n; i++) {
        term[i] = (double)a[i] * (double)b[i];
        if (term[i] == 0)
            continue;
        int e = normalised
                    ? ilogb(term[i])
                    : fixture_exponent((double)a[i], least) + fixture_exponent((double)b[i], least);
        most = e > most ? e : most;
    }
    term[n] = c;
    if (c != 0 && fixture_exponent(c, least_c) > most)
        most = fixture_exponent(c, least_c);
    int last = most - rule->fraction;
    for (size_t i = 0; i <= n; i++)
        sum += trunc(ldexp(term[i], -last));
    sum = ldexp(sum, last);
    if (sum == 0)
        return 0;
    int quantum = fixture_exponent(sum, least_c) - rule->out_fraction;
    sum = ldexp(sum, -quantum);
    sum = ldexp(rule->rounding == MMA_TOWARD_ZERO ? trunc(sum) : rint(sum), quantum);
    if (fabs(sum) >= (rule->out == ELEMENT_F16 ? 0x1p16 : 0x1p128))
        sum = copysign((double)INFINITY, sum);
    return sum + 0.0;
}

/* An aligned sum over k, of finite operands. */
static inline float fixture_dot(const struct mma_rule *rule, const float *a, const float *b,
                                size_t k, float c, bool normalised) {
    size_t block = (size_t)(rule->block < rule->k ? rule->block : rule->k);
    double d = (double)c;
    for (size_t i = 0; i < k && isfinite(d); i += block)
        d = fixture_block(rule, a + i, b + i, k - i < block ? k - i : block, d, normalised);
    return (float)d;
}

#endif
