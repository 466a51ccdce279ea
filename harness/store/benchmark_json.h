/*
 * benchmark_json.h: the timing series of a journal in Google Benchmark's JSON schema, so that its
 * compare.py and all else that reads it can be used. The library's own reporter writes it.
 *
 * Each series of kind "time" in seconds becomes one benchmark with a repetition per sample:
 *     name      "<case id>/<device>", and "/<series>" behind it unless the series is "time"
 *     iterations  calls per sample (bench.calls of the case; 1 if it has none)
 *     real_time   nanoseconds per call
 *     cpu_time    the same: a sample has one clock, the device's own
 * The library's context has host name and full paths; in its place stands one without.
 */
#ifndef NANOLAB_HARNESS_BENCHMARK_JSON_H
#define NANOLAB_HARNESS_BENCHMARK_JSON_H

#include "harness/store/reader.h"

/* Writes benchmark.json beside the journal. 0, or -1 with error_text(). */
int benchmark_json_write(const struct reader *reader);

#endif
