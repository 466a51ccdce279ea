/*
 * benchmark_json.h: the timing series of a journal in Google Benchmark's JSON schema, so that its
 * compare.py and all else that reads it can be used.
 *
 * Each series of kind "time" in seconds becomes one benchmark with a repetition per sample:
 *     name      "<case id>/<device>", and "/<series>" behind it unless the series is "time"
 *     iterations  calls per sample (bench.calls of the case; 1 if it has none)
 *     real_time   nanoseconds per call
 *     cpu_time    the same: a sample has one clock, the device's own
 * The library's own writer puts host name and full paths into the context; this one does not.
 */
#ifndef NANOLAB_HARNESS_BENCHMARK_JSON_H
#define NANOLAB_HARNESS_BENCHMARK_JSON_H

#include <jansson.h>

#include "harness/store/reader.h"

/* A new reference, or NULL with error_text(). */
json_t *benchmark_json(const struct reader *reader);

#endif
