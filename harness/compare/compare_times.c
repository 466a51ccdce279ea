/*
 * compare_times.c: sessions against sessions (compare_times.h).
 */
#include "harness/compare/compare_times.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "harness/measure/stats.h"

const char *compare_verdict_name(enum compare_verdict verdict) {
    static const char *const names[COMPARE_VERDICTS] = {"same", "faster", "slower", "ambiguous",
                                                        "not comparable"};
    return names[verdict];
}

#define REASON_NAME(code, word, what) word,
#define REASON_WHAT(code, word, what) what,
const char *compare_reason_name(enum compare_reason reason) {
    static const char *const names[] = {COMPARE_REASONS(REASON_NAME)};
    return names[reason];
}

const char *compare_reason_what(enum compare_reason reason) {
    static const char *const whats[] = {COMPARE_REASONS(REASON_WHAT)};
    return whats[reason];
}

struct compare_rule compare_rule_default(void) {
    return (struct compare_rule){.confidence = 0.95, .rate = 0.01, .least = 0.005, .same = 0.02};
}

/* --- one case ----------------------------------------------------------------------------------
 */

/* Of logarithms. `free` are the degrees of freedom of the variance. */
struct side {
    double mean, variance, free;
};

static struct side side_of(const double *x, size_t n, const struct compare_band *band) {
    struct side s = {0, NAN, 0};
    double squares = 0;
    for (size_t k = 0; k < n; k++)
        s.mean += log(x[k]) / (double)n;
    for (size_t k = 0; k < n; k++)
        squares += (log(x[k]) - s.mean) * (log(x[k]) - s.mean);
    double known = n - 1.0;
    if (band && band->sessions > 1) {
        known += (double)band->sessions - 1;
        squares += band->spread * band->spread * ((double)band->sessions - 1);
    }
    if (known > 0) {
        s.variance = squares / known;
        s.free = known;
    }
    return s;
}

/* Sessions a side until the interval is no wider than `same`; the spread stays what it is. As many
 * as a normal distribution wants, and then a few more. */
static size_t sessions_needed(double variance, const struct compare_rule *rule) {
    double goal = log1p(rule->same), p = 0.5 + rule->confidence / 2;
    double normal = stats_t_quantile(p, 1e9) / goal;
    double n = fmin(fmax(2, ceil(2 * variance * normal * normal)), 1000);
    for (int tries = 0; tries < 8; tries++, n++)
        if (stats_t_quantile(p, 2 * n - 2) * sqrt(2 * variance / n) <= goal)
            break;
    return (size_t)n;
}

void compare_times(const double *first, size_t first_count, const double *second,
                   size_t second_count, const struct compare_band *band,
                   const struct compare_rule *rule, struct compare_times *out) {
    *out = (struct compare_times){.ratio = RATIO_NONE,
                                  .chance = NAN,
                                  .spread = {NAN, NAN},
                                  .sessions = {first_count, second_count},
                                  .verdict = COMPARE_NOT_COMPARABLE,
                                  .reason = COMPARE_NO_TIME};
    if (first_count == 0 || second_count == 0)
        return;
    struct side a = side_of(first, first_count, band), b = side_of(second, second_count, band);
    double difference = b.mean - a.mean;
    double part_a = a.variance / (double)first_count, part_b = b.variance / (double)second_count;
    double error = sqrt(part_a + part_b);
    out->ratio.value = exp(difference);
    out->spread[0] = sqrt(a.variance);
    out->spread[1] = sqrt(b.variance);
    out->verdict = COMPARE_AMBIGUOUS;
    out->reason = COMPARE_ONE_SESSION;
    if (!isfinite(error))
        return;
    /* Equal times to the last digit, on both sides: what was counted and not measured. */
    double free = error > 0 ? (part_a + part_b) * (part_a + part_b) /
                                  (part_a * part_a / a.free + part_b * part_b / b.free)
                            : a.free + b.free;
    double reach = stats_t_quantile(0.5 + rule->confidence / 2, free) * error;
    out->ratio = (struct ratio){exp(difference), exp(difference - reach), exp(difference + reach)};
    out->chance = error > 0           ? stats_t_chance(fabs(difference) / error, free)
                  : difference == 0.0 ? 1
                                      : 0;
    size_t fewer = first_count < second_count ? first_count : second_count;
    size_t needed =
        reach > log1p(rule->same) ? sessions_needed((a.variance + b.variance) / 2, rule) : 0;
    out->more = needed > fewer ? needed - fewer : 0;
    out->reason = COMPARE_WIDE;
}

/* --- all cases ---------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double compare_threshold(double *chances, size_t n, double rate) {
    double threshold = -1;
    qsort(chances, n, sizeof *chances, ascending);
    for (size_t k = 0; k < n; k++)
        if (chances[k] <= rate * (double)(k + 1) / (double)n)
            threshold = chances[k];
    return threshold;
}

static void settle_one(struct compare_times *t, double threshold, const struct compare_rule *rule) {
    bool excludes = t->ratio.low > 1 || t->ratio.high < 1;
    bool inside = t->ratio.low >= 1 / (1 + rule->same) && t->ratio.high <= 1 + rule->same;
    bool counts = fabs(log(t->ratio.value)) >= log1p(rule->least);
    if (excludes && t->chance <= threshold && counts) {
        t->verdict = t->ratio.value > 1 ? COMPARE_SLOWER : COMPARE_FASTER;
        t->reason = COMPARE_APART;
    } else if (inside) {
        t->verdict = COMPARE_SAME;
        t->reason = excludes && !counts ? COMPARE_SMALL : COMPARE_INSIDE;
    } else {
        t->verdict = COMPARE_AMBIGUOUS;
        t->reason = excludes ? COMPARE_MANY : COMPARE_WIDE;
    }
}

int compare_settle(struct compare_times *list, size_t count, const struct compare_rule *rule) {
    double *chances = malloc((count + 1) * sizeof *chances);
    size_t n = 0;
    if (!chances)
        return -1;
    for (size_t k = 0; k < count; k++)
        if (!isnan(list[k].chance))
            chances[n++] = list[k].chance;
    double threshold = compare_threshold(chances, n, rule->rate);
    for (size_t k = 0; k < count; k++)
        if (!isnan(list[k].chance))
            settle_one(&list[k], threshold, rule);
    free(chances);
    return 0;
}

double compare_mean(const double *ratios, size_t count) {
    double low = log(stats_quantile(ratios, count, 0.1)), sum = 0;
    double high = log(stats_quantile(ratios, count, 0.9));
    for (size_t k = 0; k < count; k++)
        sum += fmin(fmax(log(ratios[k]), low), high);
    return count > 0 ? exp(sum / (double)count) : NAN;
}
