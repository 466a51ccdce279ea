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
    return (struct compare_rule){.confidence = 0.95, .rate = 0.05, .least = 0.005, .same = 0.02};
}

struct compare_time compare_time_of(const double *samples, size_t count) {
    return (struct compare_time){stats_quantile(samples, count, COMPARE_LOW),
                                 stats_median(samples, count)};
}

/* --- one case ----------------------------------------------------------------------------------
 */

/* Of logarithms, of the sessions that count. `free` are the degrees of freedom of the variance. */
struct side {
    double mean, variance, free, count;
};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many of n sessions count. */
static size_t counting(size_t n) {
    return n - n / 5;
}

/* `logs` are put in order. */
static struct side side_of(double *logs, size_t n, const struct compare_band *band) {
    struct side s = {0, NAN, 0, (double)counting(n)};
    double all = 0, squares = 0, largest;
    qsort(logs, n, sizeof *logs, ascending);
    largest = logs[counting(n) - 1];
    for (size_t k = 0; k < n; k++) {
        if (k < counting(n))
            s.mean += logs[k] / s.count;
        all += fmin(logs[k], largest) / (double)n;
    }
    for (size_t k = 0; k < n; k++)
        squares += (fmin(logs[k], largest) - all) * (fmin(logs[k], largest) - all);
    double known = s.count - 1;
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
    size_t n = (size_t)fmin(fmax(2, ceil(2 * variance * normal * normal)), 1000);
    for (size_t most = n + n / 2 + 8; n < most; n++) {
        double count = (double)counting(n);
        if (stats_t_quantile(p, 2 * count - 2) * sqrt(2 * variance / count) <= goal)
            break;
    }
    return n;
}

static double mean_of_medians(const struct compare_time *x, size_t n) {
    double mean = 0;
    for (size_t k = 0; k < n; k++)
        mean += log(x[k].median) / (double)n;
    return mean;
}

static struct side side_of_times(const struct compare_time *x, size_t n,
                                 const struct compare_band *band) {
    double logs[COMPARE_SESSIONS_MOST];
    /* A stranger's sessions may each have a case several times. */
    n = n < COMPARE_SESSIONS_MOST ? n : COMPARE_SESSIONS_MOST;
    for (size_t k = 0; k < n; k++)
        logs[k] = log(x[k].low);
    return side_of(logs, n, band);
}

void compare_times(const struct compare_time *first, size_t first_count,
                   const struct compare_time *second, size_t second_count,
                   const struct compare_band *band, const struct compare_rule *rule,
                   struct compare_times *out) {
    *out = (struct compare_times){.ratio = RATIO_NONE,
                                  .medians = NAN,
                                  .chance = NAN,
                                  .spread = {NAN, NAN},
                                  .sessions = {first_count, second_count},
                                  .verdict = COMPARE_NOT_COMPARABLE,
                                  .reason = COMPARE_NO_TIME};
    if (first_count == 0 || second_count == 0)
        return;
    struct side a = side_of_times(first, first_count, band);
    struct side b = side_of_times(second, second_count, band);
    double difference = b.mean - a.mean;
    double part_a = a.variance / a.count, part_b = b.variance / b.count;
    double error = sqrt(part_a + part_b);
    out->ratio.value = exp(difference);
    out->medians = exp(mean_of_medians(second, second_count) - mean_of_medians(first, first_count));
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
