/*
 * checks.c: the claims of lab 00, judged from the recorded cases. Two rates differ when their 95 %
 * intervals do not overlap; a factor is judged by the interval of the ratio, taken from the two
 * medians' intervals (wider than a paired one, so it errs towards "no difference").
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "labs/00-roofs/roofs_lab.h"

#define SIZES 32
#define THREADS 8
#define MIB 1048576.0

static int not_testable(struct finding *finding, const char *reason) {
    finding->verdict = VERDICT_NOT_TESTABLE;
    snprintf(finding->reason, sizeof finding->reason, "%s", reason);
    return 0;
}

static const char *const no_time = "no time was measured on this device";

/* What "wait" and "threads" are called on a device. */
static bool on_gpu(struct lab_run *run, const char *device_id) {
    unsigned threads[THREADS];
    return measured_threads(run, device_id, threads, THREADS) > 0 && threads[0] == 0;
}

/* Confirmed if all held, refuted if none did, bounded in between; `range` says where. */
static void settle(struct finding *finding, const char *range) {
    finding->verdict = finding->held == finding->checked ? VERDICT_CONFIRMED
                       : finding->held == 0              ? VERDICT_REFUTED
                                                         : VERDICT_BOUNDED;
    if (finding->verdict == VERDICT_BOUNDED)
        snprintf(finding->range, sizeof finding->range, "%s", range);
}

/* --- 00.1 --------------------------------------------------------------------------------------
 */

static int count_held(void *context, const json_t *record) {
    struct finding *finding = context;
    bool held = case_series_real_at(case_series(record, "held"), 0) == 1;
    ++finding->checked;
    finding->held += held;
    if (!held || finding->checked <= 4)
        finding_evidence(finding, json_string_value(json_object_get(record, "id")));
    return 0;
}

int check_work(struct lab_run *run, const char *device_id, struct finding *finding) {
    lab_cases(run, "00/proof/", device_id, count_held, finding);
    if (finding->checked == 0)
        return not_testable(finding, "no kernel was proved on this device");
    bool all = finding->held == finding->checked;
    finding->verdict = all ? VERDICT_CONFIRMED : VERDICT_REFUTED;
    finding->broken = !all; /* a kernel that skips work is our bug */
    snprintf(finding->statement, sizeof finding->statement,
             "%llu of %llu kernels and footprints left the checksum, pattern, value or count that "
             "was computed beforehand",
             (unsigned long long)finding->held, (unsigned long long)finding->checked);
    return 0;
}

/* --- 00.2 --------------------------------------------------------------------------------------
 */

int check_caches(struct lab_run *run, const char *device_id, struct finding *finding) {
    size_t sizes[SIZES], n = measured_sizes(run, device_id, ROOFS_READ, sizes, SIZES);
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    char text[300] = "";
    for (size_t t = 0; t < thread_count && n > 1; ++t) {
        struct measured small, large;
        if (!measured_best(run, device_id, ROOFS_READ, threads[t], sizes[0], &small) ||
            !measured_best(run, device_id, ROOFS_READ, threads[t], sizes[n - 1], &large))
            continue;
        ++finding->checked;
        finding->held += small.low > large.high;
        finding_evidence(finding, small.id);
        finding_evidence(finding, large.id);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.1f GB/s at %.3g MiB and %.1f at %.4g MiB%s",
                 used ? "; " : "", small.per_second / 1e9, (double)sizes[0] / MIB,
                 large.per_second / 1e9, (double)sizes[n - 1] / MIB,
                 threads[t] == 1 ? " (one thread)" : "");
    }
    if (finding->checked == 0)
        return not_testable(finding, no_time);
    settle(finding, "for some of the thread counts");
    snprintf(finding->statement, sizeof finding->statement, "read bandwidth: %s", text);
    return 0;
}

/* --- 00.3 --------------------------------------------------------------------------------------
 */

/* A copy of half a footprint to the other reads and writes half each. Were both to overlap fully,
 * it would still take as long as the slower of the two at its own roof. 5 % for the noise of three
 * maxima over several kernels. */
int check_copy(struct lab_run *run, const char *device_id, struct finding *finding) {
    size_t sizes[SIZES], n = measured_sizes(run, device_id, ROOFS_COPY, sizes, SIZES);
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    double worst = 0;
    char where[80] = "";
    for (size_t t = 0; t < thread_count; ++t)
        for (size_t s = 0; s < n; ++s) {
            struct measured copy, read, write;
            if (!measured_best(run, device_id, ROOFS_COPY, threads[t], sizes[s], &copy) ||
                !measured_best(run, device_id, ROOFS_READ, threads[t], sizes[s], &read) ||
                !measured_best(run, device_id, ROOFS_WRITE, threads[t], sizes[s], &write))
                continue;
            double most = 2 * fmin(read.high, write.high);
            ++finding->checked;
            finding->held += copy.low <= 1.05 * most;
            if (copy.per_second / most > worst) {
                worst = copy.per_second / most;
                snprintf(where, sizeof where, "%.4g MiB, %u threads", (double)sizes[s] / MIB,
                         threads[t]);
            }
            if (copy.low > 1.05 * most)
                finding_evidence(finding, copy.id);
        }
    if (finding->checked == 0)
        return not_testable(finding, no_time);
    settle(finding, "at the other footprints; those named were faster than their own roofs");
    snprintf(finding->statement, sizeof finding->statement,
             "at %llu of %llu footprints and thread counts a copy moves at most twice the bytes "
             "per second of the slower of reading and writing; the closest came to %.2f of that "
             "(%s)",
             (unsigned long long)finding->held, (unsigned long long)finding->checked, worst, where);
    return 0;
}

/* --- 00.4 --------------------------------------------------------------------------------------
 */

int check_slope(struct lab_run *run, const char *device_id, struct finding *finding) {
    size_t sizes[SIZES], n = measured_sizes(run, device_id, ROOFS_READ, sizes, SIZES);
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    char text[300] = "";
    for (size_t t = 0; t < thread_count && n > 0; ++t) {
        struct measured one, three;
        char id[2][120];
        for (int k = 0; k < 2; ++k)
            snprintf(id[k], sizeof id[k], "00/slope/threads=%u/bytes=%zu/passes=%d", threads[t],
                     sizes[n - 1], 1 + 2 * k);
        if (!measured_case(run, device_id, id[0], &one) ||
            !measured_case(run, device_id, id[1], &three))
            continue;
        /* Whole: the time of one pass. Slope: of two passes more, halved; what a call costs by
         * itself has dropped out. */
        double slope = (three.seconds - one.seconds) / 2;
        double low = (three.seconds_low - one.seconds_high) / 2;
        double high = (three.seconds_high - one.seconds_low) / 2;
        bool overlap = low <= one.seconds_high && one.seconds_low <= high;
        ++finding->checked;
        finding->held += overlap || fabs(slope / one.seconds - 1) <= 0.05;
        finding_evidence(finding, id[0]);
        finding_evidence(finding, id[1]);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.1f GB/s by whole calls, %.1f by the slope%s",
                 used ? "; " : "", (double)sizes[n - 1] / one.seconds / 1e9,
                 (double)sizes[n - 1] / slope / 1e9, threads[t] == 1 ? " (one thread)" : "");
    }
    if (finding->checked == 0)
        return not_testable(finding, no_time);
    settle(finding, "for some of the thread counts");
    snprintf(finding->statement, sizeof finding->statement, "reading %.4g MiB: %s",
             (double)sizes[n - 1] / MIB, text);
    return 0;
}

/* --- 00.5 --------------------------------------------------------------------------------------
 */

/* One stream is not enough if the best kernel with several is faster beyond both intervals and by
 * more than 2 %. */
int check_streams(struct lab_run *run, const char *device_id, struct finding *finding) {
    size_t sizes[SIZES], n = measured_sizes(run, device_id, ROOFS_READ, sizes, SIZES);
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    char text[300] = "", range[100] = "";
    for (size_t t = 0; t < thread_count && n > 0; ++t) {
        struct measured single, best;
        if (!measured_best_of(run, device_id, ROOFS_READ, threads[t], sizes[n - 1], "streams=1/",
                              &single) ||
            !measured_best(run, device_id, ROOFS_READ, threads[t], sizes[n - 1], &best))
            continue;
        double gain = best.per_second / single.per_second;
        bool enough = gain <= 1.02 || best.low <= single.high;
        ++finding->checked;
        finding->held += enough;
        finding_evidence(finding, single.id);
        finding_evidence(finding, best.id);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.1f GB/s with one, %.1f at the best (%s)%s",
                 used ? "; " : "", single.per_second / 1e9, best.per_second / 1e9, best.kernel,
                 threads[t] == 1 ? ", one thread" : "");
        if (enough)
            snprintf(range, sizeof range, "with %u threads", threads[t]);
    }
    if (finding->checked == 0)
        return not_testable(finding, no_time);
    settle(finding, range);
    snprintf(finding->statement, sizeof finding->statement, "%s at %.4g MiB: %s",
             on_gpu(run, device_id) ? "loads in flight per thread" : "streams per thread",
             (double)sizes[n - 1] / MIB, text);
    return 0;
}

/* --- 00.6 --------------------------------------------------------------------------------------
 */

int check_threads(struct lab_run *run, const char *device_id, struct finding *finding) {
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    if (thread_count == 0)
        return not_testable(finding, no_time);
    if (on_gpu(run, device_id))
        return not_testable(finding, "a GPU's kernel is not given a number of threads to run on; "
                                     "run with --device cpu");
    if (thread_count < 2)
        return not_testable(finding, "this machine offers one CPU; take one with more");
    char text[240] = "";
    for (int op = ROOFS_FMA32; op <= ROOFS_FMA64; ++op) {
        struct measured one, all;
        unsigned n = threads[thread_count - 1];
        if (!measured_best(run, device_id, (enum roofs_op)op, 1, 0, &one) ||
            !measured_best(run, device_id, (enum roofs_op)op, n, 0, &all))
            continue;
        double factor = all.per_second / one.per_second;
        ++finding->checked;
        finding->held += factor >= 0.9 * n && factor <= 1.05 * n;
        finding_evidence(finding, one.id);
        finding_evidence(finding, all.id);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used,
                 "%s%s: %.1f Gflop/s with one, %.1f with %u threads, x%.2f", used ? "; " : "",
                 op == ROOFS_FMA32 ? "f32" : "f64", one.per_second / 1e9, all.per_second / 1e9, n,
                 factor);
    }
    if (finding->checked == 0)
        return not_testable(finding, no_time);
    settle(finding, "for one of the two types");
    snprintf(finding->statement, sizeof finding->statement, "%s", text);
    return 0;
}

/* --- 00.7 and 00.8 -----------------------------------------------------------------------------
 */

int check_shared(struct lab_run *run, const char *device_id, struct finding *finding) {
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    if (thread_count == 0)
        return not_testable(finding, no_time);
    unsigned n = threads[thread_count - 1];
    struct measured own, common;
    if (!measured_best_of(run, device_id, ROOFS_ATOMIC, n, 0, "private", &own) ||
        !measured_best_of(run, device_id, ROOFS_ATOMIC, n, 0, "shared", &common))
        return not_testable(finding, "one thread alone has nobody to share an address with");
    finding->checked = 1;
    finding->held = common.high < own.low;
    settle(finding, "");
    finding_evidence(finding, own.id);
    finding_evidence(finding, common.id);
    snprintf(finding->statement, sizeof finding->statement,
             "all threads together: %.4g million updates per second of private addresses, %.4g of "
             "one shared address",
             own.per_second / 1e6, common.per_second / 1e6);
    return 0;
}

int check_hand_over(struct lab_run *run, const char *device_id, struct finding *finding) {
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device_id, threads, THREADS);
    if (thread_count == 0)
        return not_testable(finding, no_time);
    bool gpu = on_gpu(run, device_id);
    if (!gpu && thread_count < 2)
        return not_testable(finding, "this machine offers one CPU; take one with more");
    struct measured light, heavy;
    if (!measured_best_of(run, device_id, ROOFS_EMPTY, threads[0], 0, gpu ? "queue" : NULL,
                          &light) ||
        !measured_best_of(run, device_id, ROOFS_EMPTY, threads[thread_count - 1], 0,
                          gpu ? "wait" : NULL, &heavy))
        return not_testable(finding, no_time);
    finding->checked = 1;
    finding->held = heavy.seconds_low > light.seconds_high;
    settle(finding, "");
    finding_evidence(finding, light.id);
    finding_evidence(finding, heavy.id);
    snprintf(finding->statement, sizeof finding->statement,
             gpu ? "a launch behind others takes %.2f µs, one that is waited for %.2f µs"
                 : "a call takes %.4f µs, handing it to all threads and back %.2f µs",
             light.seconds * 1e6, heavy.seconds * 1e6);
    return 0;
}
