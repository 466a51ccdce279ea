/*
 * stats.cc: the C face of Boost.Math's univariate statistics, and the bootstrap.
 */
#include "harness/measure/stats.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/statistics/univariate_statistics.hpp>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

#include "kernels/rng/philox.h"

namespace {

namespace bms = boost::math::statistics;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/* Sorting NaNs is undefined behaviour, so they are looked for before anything is sorted. */
bool any_nan(const double *x, size_t n) {
    return std::any_of(x, x + n, [](double v) { return std::isnan(v); });
}

bool all_finite(const double *x, size_t n) {
    return std::all_of(x, x + n, [](double v) { return std::isfinite(v); });
}

/* Takes a copy, since Boost's median sorts partially. */
double median_of(std::vector<double> v) {
    return bms::median(v);
}

/* The median of a resample of x into `scratch`. Resample r takes its draws from stream r. */
double resampled_median(const double *x, size_t n, uint64_t seed, uint64_t stream,
                        std::vector<double> &scratch) {
    scratch.resize(n);
    for (size_t i = 0; i < n; i += 2) {
        philox_block block = philox_at(seed, stream, i / 2);
        scratch[i] = x[philox_below(philox_half(block, 0), n)];
        if (i + 1 < n)
            scratch[i + 1] = x[philox_below(philox_half(block, 1), n)];
    }
    return bms::median(scratch);
}

int percentile_interval(std::vector<double> &estimates, double value, double confidence,
                        stats_interval *out) {
    if (!std::isfinite(value) || !all_finite(estimates.data(), estimates.size()))
        return -1;
    double tail = 0.5 * (1.0 - confidence);
    out->value = value;
    out->low = stats_quantile(estimates.data(), estimates.size(), tail);
    out->high = stats_quantile(estimates.data(), estimates.size(), 1.0 - tail);
    return 0;
}

bool valid(const double *x, size_t n, double confidence) {
    return n > 0 && confidence > 0.0 && confidence < 1.0 && all_finite(x, n);
}

template <class T>
double quantile_of(T *v, size_t n, double p) {
    if (n == 0 || std::any_of(v, v + n, [](T x) { return std::isnan(x); }) ||
        !(p >= 0.0 && p <= 1.0))
        return not_a_number;
    double place = p * static_cast<double>(n - 1);
    size_t below = static_cast<size_t>(place);
    double part = place - static_cast<double>(below);
    std::nth_element(v, v + below, v + n);
    double low = v[below];
    if (part == 0.0)
        return low;
    double high = *std::min_element(v + below + 1, v + n);
    /* Equal neighbours need no interpolation, which would make NaN of two infinities. */
    return high == low ? low : low + part * (high - low);
}

} // namespace

double stats_median(const double *x, size_t n) try {
    if (n == 0 || any_nan(x, n))
        return not_a_number;
    return median_of(std::vector<double>(x, x + n));
} catch (const std::bad_alloc &) {
    return not_a_number;
}

double stats_quantile(const double *x, size_t n, double p) try {
    std::vector<double> v(x, x + n);
    return quantile_of(v.data(), n, p);
} catch (const std::bad_alloc &) {
    return not_a_number;
}

double stats_quantile_floats(float *x, size_t n, double p) {
    return quantile_of(x, n, p);
}

double stats_mad(const double *x, size_t n) try {
    if (n == 0 || any_nan(x, n))
        return not_a_number;
    std::vector<double> v(x, x + n);
    double center = median_of(v);
    if (!std::isfinite(center))
        return not_a_number;
    /* Not bms::median_absolute_deviation: up to Boost 1.74 at least, it returns the value with the
     * median deviation instead of the deviation, which is right only around a centre of 0. */
    for (double &value : v)
        value = std::fabs(value - center);
    return bms::median(v);
} catch (const std::bad_alloc &) {
    return not_a_number;
}

double stats_relative_spread(const double *x, size_t n) {
    /* 1 / Φ^-1(3/4): makes the MAD of normal data its standard deviation. */
    double spread = 1.482602218505602 * stats_mad(x, n);
    return spread == 0.0 ? 0.0 : spread / std::fabs(stats_median(x, n));
}

int stats_median_interval(const double *x, size_t n, double confidence, uint64_t seed,
                          struct stats_interval *out) try {
    if (!valid(x, n, confidence))
        return -1;
    std::vector<double> estimates(STATS_RESAMPLES), scratch;
    for (size_t r = 0; r < estimates.size(); ++r)
        estimates[r] = resampled_median(x, n, seed, r, scratch);
    return percentile_interval(estimates, stats_median(x, n), confidence, out);
} catch (const std::bad_alloc &) {
    return -1;
}

int stats_ratio_interval(const double *a, size_t n_a, const double *b, size_t n_b,
                         double confidence, uint64_t seed, struct stats_interval *out) try {
    if (!valid(a, n_a, confidence) || !valid(b, n_b, confidence))
        return -1;
    std::vector<double> estimates(STATS_RESAMPLES), scratch;
    for (size_t r = 0; r < estimates.size(); ++r) {
        double top = resampled_median(a, n_a, seed, 2 * r, scratch);
        estimates[r] = top / resampled_median(b, n_b, seed, 2 * r + 1, scratch);
    }
    double value = stats_median(a, n_a) / stats_median(b, n_b);
    return percentile_interval(estimates, value, confidence, out);
} catch (const std::bad_alloc &) {
    return -1;
}

int stats_paired_ratio_interval(const double *a, const double *b, size_t n, double confidence,
                                uint64_t seed, struct stats_interval *out) try {
    if (!valid(a, n, confidence) || !valid(b, n, confidence))
        return -1;
    std::vector<double> ratios(n);
    for (size_t i = 0; i < n; ++i)
        ratios[i] = a[i] / b[i];
    return stats_median_interval(ratios.data(), n, confidence, seed, out);
} catch (const std::bad_alloc &) {
    return -1;
}

/* In double, so that no counts are too many to add. */
static double total(const uint64_t *counts, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += static_cast<double>(counts[i]);
    return sum > 0 ? sum : not_a_number;
}

double stats_entropy(const uint64_t *counts, size_t n) {
    double all = total(counts, n), bits = all - all;
    for (size_t i = 0; i < n; ++i)
        if (double share = static_cast<double>(counts[i]) / all; share != 0)
            bits -= share * std::log2(share);
    return bits == 0 ? 0.0 : bits;
}

double stats_total_variation(const uint64_t *a, const uint64_t *b, size_t n) {
    double all_a = total(a, n), all_b = total(b, n), sum = all_a - all_a + (all_b - all_b);
    for (size_t i = 0; i < n; ++i)
        sum += std::fabs(static_cast<double>(a[i]) / all_a - static_cast<double>(b[i]) / all_b);
    return sum / 2;
}

int stats_share_interval(uint64_t k, uint64_t n, double confidence,
                         struct stats_interval *out) try {
    typedef boost::math::binomial_distribution<double> binomial;
    *out = {not_a_number, not_a_number, not_a_number};
    if (n == 0 || k > n || !(confidence > 0.0 && confidence < 1.0))
        return -1;
    const double trials = static_cast<double>(n), hits = static_cast<double>(k),
                 tail = (1 - confidence) / 2;
    *out = {hits / trials, binomial::find_lower_bound_on_p(trials, hits, tail),
            binomial::find_upper_bound_on_p(trials, hits, tail)};
    return 0;
} catch (const std::exception &) {
    return -1;
}

double stats_t_quantile(double p, double free) try {
    if (!(p > 0.0 && p < 1.0 && free > 0.0))
        return not_a_number;
    return boost::math::quantile(boost::math::students_t(free), p);
} catch (const std::exception &) {
    return not_a_number;
}

double stats_t_chance(double t, double free) try {
    if (!(t >= 0.0 && free > 0.0))
        return not_a_number;
    return std::isinf(t) ? 0.0
                         : 2.0 * boost::math::cdf(complement(boost::math::students_t(free), t));
} catch (const std::exception &) {
    return not_a_number;
}
