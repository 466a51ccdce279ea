/*
 * bench.cc: bench.h over Google Benchmark.
 *
 * One run of the library is one round: the cases that have not stopped are registered in the
 * round's seeded order, each with its number of calls and with manual time, and the library runs
 * them in that order, one sample each. What it does not offer is done around that: a seeded order
 * (its own interleaving draws from the machine's entropy), a stop rule per case (its repetitions
 * are counted out beforehand, and leaving its loop early aborts the process), and the number of
 * calls in a sample (its search has no upper limit, and overshoots).
 */
#include "harness/measure/bench.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "harness/measure/clock.h"
#include "harness/measure/nvtx.h"
#include "harness/measure/stats.h"
#include "kernels/rng/philox.h"

namespace {

/* More calls than this in one sample would not be a better sample; reached only by calls that do
 * next to nothing. */
constexpr uint64_t calls_limit = uint64_t(1) << 20;
/* Real seconds after which the search for k stops, whatever the injected clock says. */
constexpr double search_limit = 2.0;
/* A spread that changes by less than this share over the second half of the samples … */
constexpr double plateau_change = 0.10;
/* … while the two halves' medians agree within so many standard errors is a plateau. */
constexpr double plateau_drift = 3.0;
/* Philox streams of the two uses of a group's seed. */
constexpr uint64_t shuffle_stream = 0x73687566;

thread_local char error_text[256];

int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_text, sizeof error_text, format, arguments);
    va_end(arguments);
    return -1;
}

/* A sample of fewer steps of its clock would say little about what lies between two of them. */
constexpr double steps_in_sample = 25;
/* A thread that ran for less of a sample waited, or another took its processor: the cycles it spent
 * say nothing of the clock. */
constexpr double share_running = 0.95;

double real_now() {
    return clock_now(nullptr);
}

/* The machine's own, with its step. */
const bench_clock *steady_clock() {
    static const bench_clock clock = {clock_now, nullptr, clock_step()};
    return &clock;
}

/* The library reads its flags' defaults from the environment (BENCHMARK_OUT, …), which is not an
 * interface of ours: every flag that would matter is set. */
void initialize_library() {
    static bool done = false;
    if (done)
        return;
    static char name[] = "nanolab",
                out[] = "--benchmark_out=", repetitions[] = "--benchmark_repetitions=1",
                interleave[] = "--benchmark_enable_random_interleaving=false",
                counters[] = "--benchmark_perf_counters=", list[] = "--benchmark_list_tests=false",
                verbosity[] = "--v=0";
    char *arguments[] = {name, out, repetitions, interleave, counters, list, verbosity, nullptr};
    int count = sizeof arguments / sizeof *arguments - 1;
    benchmark::Initialize(&count, arguments);
    done = true;
}

/* One case on its way. */
struct runner {
    const bench_case *c = nullptr;
    const bench_clock *clock = nullptr;   /* null: the device's timer */
    const bench_cycles *cycles = nullptr; /* null: none are counted */
    uint64_t calls = 1;
    double last = 0; /* seconds that the last sample took, all its calls together */
    double last_clock = std::numeric_limits<double>::quiet_NaN();
    std::vector<double> seconds;
    std::vector<double> clocks; /* one for each of them, where cycles are counted */
    std::vector<uint32_t> rounds;
    double spent = 0;
    bool active = true;
    bench_stop stop = BENCH_FAILED;
    std::string error;

    const char *name() const {
        return c->id && *c->id ? c->id : "case";
    }
    void give_up(const std::string &what) {
        active = false;
        stop = BENCH_FAILED;
        error = what;
        seconds.clear();
        clocks.clear();
        rounds.clear();
    }
};

/* Text for a failure, with the device layer's own words if it has any. */
std::string describe(const runner &r, const char *what) {
    std::string text = what;
    const char *why = r.c->device ? device_error() : "";
    if (*why)
        text += std::string(": ") + why;
    return text;
}

/* The calls of one sample with a reading of the clock at either end. NULL, or what failed. */
const char *time_calls(const runner &r, double *elapsed) {
    const bench_case *c = r.c;
    double started = 0;
    if (r.clock)
        started = r.clock->now(r.clock->context);
    else if (device_timer_start(c->device) != 0)
        return "the timer did not start";
    for (uint64_t left = r.calls; left > 0; --left)
        if (c->call(c->context) != 0)
            return "a call failed";
    if (r.clock)
        *elapsed = r.clock->now(r.clock->context) - started;
    else if (device_timer_stop(c->device, elapsed) != 0)
        return "the work or its timer failed";
    return nullptr;
}

/* The same between two readings of the cycles. */
const char *count_calls(runner &r, double *elapsed) {
    uint64_t cycles[2], running[2];
    bool counts = r.cycles && r.cycles->read(r.cycles->context, &cycles[0], &running[0]) == 0;
    const char *failed = time_calls(r, elapsed);
    r.last_clock = std::numeric_limits<double>::quiet_NaN();
    if (counts && !failed && *elapsed > 0 &&
        r.cycles->read(r.cycles->context, &cycles[1], &running[1]) == 0 &&
        1e-9 * double(running[1] - running[0]) >= share_running * *elapsed)
        r.last_clock = double(cycles[1] - cycles[0]) / *elapsed;
    return failed;
}

/* What the library runs for each case of a round. */
void sample(benchmark::State &state, runner &r) {
    std::string failed;
    if (r.c->setup && r.c->setup(r.c->context) != 0) {
        failed = describe(r, "the setup before a sample failed");
        state.SkipWithError(failed.c_str());
    }
    nvtx_begin(r.name());
    while (state.KeepRunningBatch(benchmark::IterationCount(r.calls))) {
        double elapsed = std::numeric_limits<double>::quiet_NaN();
        if (const char *what = count_calls(r, &elapsed)) {
            failed = describe(r, what);
        } else if (!(elapsed >= 0.0) || !std::isfinite(elapsed)) {
            char text[96];
            snprintf(text, sizeof text, "the clock is broken: a sample took %g s", elapsed);
            failed = text;
        }
        if (failed.empty())
            state.SetIterationTime(elapsed);
        else
            state.SkipWithError(failed.c_str());
    }
    nvtx_end();
}

/* Hands each sample, or why there is none, to its case. (The library's own reporters would print a
 * banner, the host name and, with Debian's build, a warning that it is a debug build.) */
class round_reporter : public benchmark::BenchmarkReporter {
  public:
    explicit round_reporter(const std::vector<runner *> &order) : order(order) {}
    bool ReportContext(const Context &) override {
        return true;
    }
    void ReportRuns(const std::vector<Run> &runs) override {
        for (const Run &run : runs) {
            runner &r = *order.at(size_t(run.family_index));
            r.last = run.real_accumulated_time;
            if (run.error_occurred)
                r.give_up(run.error_message);
        }
    }

  private:
    const std::vector<runner *> &order;
};

/* A time of 0 s is none: nothing can be divided by it. */
void refuse_nothing(runner &r) {
    if (!r.active || r.last > 0)
        return;
    char text[200];
    double step = r.clock ? r.clock->step : 0;
    if (step > 0)
        snprintf(text, sizeof text,
                 "a sample of %llu calls took 0 s: the clock moves in steps of %.3g s; use a finer "
                 "clock source",
                 (unsigned long long)r.calls, step);
    else
        snprintf(text, sizeof text, "a sample of %llu calls took 0 s: the clock is broken",
                 (unsigned long long)r.calls);
    r.give_up(text);
}

/* One sample of each of these cases, in this order. */
void run_library(const std::vector<runner *> &order) {
    benchmark::ClearRegisteredBenchmarks();
    for (runner *r : order)
        benchmark::RegisterBenchmark(r->name(), [r](benchmark::State &state) { sample(state, *r); })
            ->Iterations(benchmark::IterationCount(r->calls))
            ->UseManualTime();
    round_reporter reporter(order);
    benchmark::RunSpecifiedBenchmarks(&reporter, nullptr, ".");
}

/* Finds the number of calls that fill a sample, by doubling; warms the case up on the way. */
void find_calls(runner &r, const bench_limits &limits) {
    uint64_t most = r.c->max_calls ? std::min(r.c->max_calls, calls_limit) : calls_limit;
    double began = real_now();
    for (r.calls = 1;; r.calls = std::min(2 * r.calls, most)) {
        run_library({&r});
        if (!r.active || r.last >= limits.min_sample_seconds || r.calls == most)
            return;
        if (real_now() - began > search_limit)
            return;
    }
}

/* True if the spread no longer improves: its estimate from all samples is within plateau_change
 * of the one from the first half, and the halves' medians do not drift apart. Without the second
 * condition a steady drift, whose relative spread is constant too, would pass for noise. */
bool plateaued(const std::vector<double> &x) {
    size_t half = x.size() / 2;
    double whole = stats_relative_spread(x.data(), x.size());
    double first = stats_relative_spread(x.data(), half);
    if (!(std::fabs(whole - first) <= plateau_change * first))
        return false;
    double early = stats_median(x.data(), half);
    double late = stats_median(x.data() + half, x.size() - half);
    /* Standard error of a median of n normal values: 1.2533 σ/√n; here of a difference of two. */
    double sigma = whole * std::fabs(stats_median(x.data(), x.size()));
    double error = 1.2533 * sigma * std::sqrt(2.0 / double(half));
    return std::fabs(late - early) <= plateau_drift * error;
}

/* The stop rule, after a new sample. */
void judge(runner &r, const bench_limits &limits) {
    size_t n = r.seconds.size();
    double spread = stats_relative_spread(r.seconds.data(), n);
    if (n >= limits.min_samples && spread <= limits.settle_spread)
        r.stop = BENCH_SETTLED;
    else if (n >= 3 * limits.min_samples && n >= 12 && plateaued(r.seconds))
        r.stop = BENCH_PLATEAU;
    else if (r.spent >= limits.max_seconds)
        r.stop = BENCH_TIME_CAP;
    else if (n >= limits.max_samples)
        r.stop = BENCH_SAMPLE_CAP;
    else
        return;
    r.active = false;
}

/* Fisher and Yates' shuffle; round r takes its draws from its own stretch of the stream. */
void shuffle(std::vector<runner *> &order, uint64_t seed, uint32_t round) {
    for (size_t left = order.size(); left > 1; --left) {
        uint64_t bits = philox_u64(seed, shuffle_stream, uint64_t(round) << 32 | left);
        std::swap(order[left - 1], order[philox_below(bits, left)]);
    }
}

void write_result(runner &r, uint64_t seed, bench_result *out) {
    *out = bench_result{};
    out->calls = r.calls;
    out->stop = r.stop;
    if (r.stop == BENCH_FAILED) {
        snprintf(out->error, sizeof out->error, "%s", r.error.c_str());
        return;
    }
    size_t n = r.seconds.size();
    out->seconds = static_cast<double *>(malloc(n * sizeof *out->seconds));
    out->round = static_cast<uint32_t *>(malloc(n * sizeof *out->round));
    if (r.cycles)
        out->clock = static_cast<double *>(malloc(n * sizeof *out->clock));
    stats_interval interval;
    if (!out->seconds || !out->round || (r.cycles && !out->clock) ||
        stats_median_interval(r.seconds.data(), n, 0.95, seed, &interval) != 0) {
        bench_result_free(out);
        throw std::bad_alloc();
    }
    std::copy(r.seconds.begin(), r.seconds.end(), out->seconds);
    std::copy(r.rounds.begin(), r.rounds.end(), out->round);
    if (out->clock)
        std::copy(r.clocks.begin(), r.clocks.end(), out->clock);
    out->samples = n;
    out->median = interval.value;
    out->low = interval.low;
    out->high = interval.high;
    out->mad = stats_mad(r.seconds.data(), n);
    if (out->median > 0) {
        out->bytes_per_second = r.c->bytes_per_call / out->median;
        out->flops_per_second = r.c->flops_per_call / out->median;
    }
}

/* Chooses the clock of a case; gives up those that have none. */
void choose_clock(runner &r, const bench_clock *injected) {
    struct device *device = r.c->device;
    if (injected)
        r.clock = injected;
    else if (!device || device_kind(device) == DEVICE_CPU)
        r.clock = steady_clock();
    else if (!device_has_clock(device))
        r.give_up(std::string("the device ") + device_id(device) + " reports no times");
    if (r.clock && std::isinf(r.clock->step))
        r.give_up("the clock stands still: a second of readings all gave the same time");
}

/* What a coarse clock asks for: longer samples, and time enough for as many as are wanted. */
bench_limits limits_for(const runner &r, const bench_limits &limits) {
    bench_limits own = limits;
    double step = r.clock ? r.clock->step : 0;
    if (step > 0 && steps_in_sample * step > own.min_sample_seconds) {
        own.min_sample_seconds = steps_in_sample * step;
        own.max_seconds =
            std::max(own.max_seconds, double(own.min_samples) * own.min_sample_seconds);
    }
    return own;
}

int check(const bench_case *cases, size_t count, const bench_limits &limits) {
    if (count > 0 && !cases)
        return fail("no cases given");
    for (size_t i = 0; i < count; ++i)
        if (!cases[i].call)
            return fail("case %zu (%s) has nothing to call", i, cases[i].id ? cases[i].id : "");
    if (!(limits.min_sample_seconds >= 0) || !(limits.settle_spread >= 0) ||
        !(limits.max_seconds > 0) || limits.min_samples < 1 ||
        limits.max_samples < limits.min_samples)
        return fail("limits need min_sample_seconds >= 0, settle_spread >= 0, max_seconds > 0 and "
                    "1 <= min_samples <= max_samples");
    return 0;
}

void run_rounds(std::vector<runner> &runners, const bench_options &options) {
    for (uint32_t round = 0;; ++round) {
        std::vector<runner *> order;
        for (runner &r : runners)
            if (r.active)
                order.push_back(&r);
        if (order.empty())
            return;
        shuffle(order, options.seed, round);
        run_library(order);
        for (runner *r : order) {
            refuse_nothing(*r);
            if (r->active) {
                r->seconds.push_back(r->last / double(r->calls));
                r->clocks.push_back(r->last_clock);
                r->rounds.push_back(round);
                r->spent += r->last;
                judge(*r, limits_for(*r, options.limits));
            }
        }
        size_t settled = size_t(std::count_if(runners.begin(), runners.end(),
                                              [](const runner &r) { return !r.active; }));
        if (options.progress &&
            options.progress(options.progress_context, settled, runners.size()) != 0)
            break;
    }
    for (runner &r : runners)
        if (r.active) {
            r.active = false;
            r.stop = BENCH_STOPPED;
        }
}

} // namespace

bench_limits bench_limits_quick(void) {
    return {1e-3, 0.01, 7, 40, 0.1};
}

bench_limits bench_limits_default(void) {
    return {1e-3, 0.005, 15, 200, 1.0};
}

bench_limits bench_limits_full(void) {
    return {1e-3, 0.005, 31, 1000, 10.0};
}

const char *bench_stop_name(enum bench_stop stop) {
    switch (stop) {
    case BENCH_SETTLED:
        return "settled";
    case BENCH_PLATEAU:
        return "plateau";
    case BENCH_TIME_CAP:
        return "time-cap";
    case BENCH_SAMPLE_CAP:
        return "sample-cap";
    case BENCH_STOPPED:
        return "stopped";
    case BENCH_FAILED:
        return "failed";
    }
    return "unknown";
}

const char *bench_error(void) {
    return error_text;
}

int bench_run(const struct bench_case *cases, size_t count, const struct bench_options *options,
              struct bench_result *results) {
    error_text[0] = '\0';
    if (check(cases, count, options->limits) != 0)
        return -1;
    size_t written = 0;
    try {
        initialize_library();
        std::vector<runner> runners(count);
        for (size_t i = 0; i < count; ++i) {
            runners[i].c = &cases[i];
            choose_clock(runners[i], options->clock);
            if (runners[i].clock)
                runners[i].cycles = options->cycles;
            if (runners[i].active)
                find_calls(runners[i], limits_for(runners[i], options->limits));
        }
        run_rounds(runners, *options);
        for (runner &r : runners)
            if (r.stop != BENCH_FAILED && r.c->validate && r.c->validate(r.c->context) != 0)
                r.give_up(describe(r, "the result was wrong after the timed runs"));
        for (; written < count; ++written)
            write_result(runners[written], options->seed, &results[written]);
    } catch (const std::exception &e) {
        for (size_t i = 0; i < written; ++i)
            bench_result_free(&results[i]);
        return fail("measuring failed: %s", e.what());
    }
    return 0;
}

void bench_result_free(struct bench_result *result) {
    free(result->seconds);
    free(result->round);
    free(result->clock);
    result->seconds = nullptr;
    result->round = nullptr;
    result->clock = nullptr;
    result->samples = 0;
}

int bench_ratio(const struct bench_result *a, const struct bench_result *b, uint64_t seed,
                double *ratio, double *low, double *high) try {
    std::vector<double> times_a, times_b;
    for (size_t i = 0, j = 0; i < a->samples && j < b->samples;) {
        if (a->round[i] == b->round[j]) {
            times_a.push_back(a->seconds[i++]);
            times_b.push_back(b->seconds[j++]);
        } else if (a->round[i] < b->round[j]) {
            ++i;
        } else {
            ++j;
        }
    }
    if (times_a.empty())
        return fail("the two cases share no round: measure them in one group");
    stats_interval interval;
    if (stats_paired_ratio_interval(times_a.data(), times_b.data(), times_a.size(), 0.95, seed,
                                    &interval) != 0)
        return fail("a ratio to a time of zero has no value");
    *ratio = interval.value;
    *low = interval.low;
    *high = interval.high;
    return 0;
} catch (const std::bad_alloc &) {
    return fail("out of memory");
}
