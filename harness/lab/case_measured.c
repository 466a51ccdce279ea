/*
 * case_measured.c: what was measured of a case, as groups of its record (lab.h).
 */
#include <math.h>
#include <stdlib.h>

#include "harness/lab/lab.h"
#include "harness/lab/run.h"
#include "harness/measure/bench.h"
#include "harness/measure/meter.h"
#include "harness/measure/stats.h"

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

void case_bench(struct lab_case *c, const struct bench_result *result) {
    uint64_t *rounds = malloc((result->samples + 1) * sizeof *rounds);
    case_measured(c, "bench",
                  rounds
                      ? json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "calls",
                                  (json_int_t)result->calls, "stop", bench_stop_name(result->stop),
                                  "median", real(result->median), "mad", real(result->mad), "low",
                                  real(result->low), "high", real(result->high), "p05",
                                  real(stats_quantile(result->seconds, result->samples, 0.05)))
                      : NULL);
    for (size_t i = 0; rounds && i < result->samples; i++)
        rounds[i] = result->round[i];
    case_series_time(c, "time", result->seconds, rounds ? result->samples : 0);
    case_series_count(c, "round", "1", rounds, rounds ? result->samples : 0);
    free(rounds);
}

void case_clock(struct lab_case *c, const struct meter_clock *clock) {
    case_measured(c, "clock",
                  json_pack("{s:s, s:I, s:o, s:o, s:o}", "by", clock->by, "readings",
                            (json_int_t)clock->readings, "median", real(clock->median), "low",
                            real(clock->low), "high", real(clock->high)));
}

void case_energy(struct lab_case *c, const struct meter_energy *energy) {
    const struct ratio *watts = &energy->watts, *joules = &energy->joules;
    case_measured(c, "energy",
                  json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "by", energy->by,
                            "calls", (json_int_t)energy->calls, "seconds", real(energy->seconds),
                            "joules", real(joules->value), "joules_low", real(joules->low),
                            "joules_high", real(joules->high), "watts", real(watts->value),
                            "watts_low", real(watts->low), "watts_high", real(watts->high)));
}
