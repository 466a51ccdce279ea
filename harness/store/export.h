/*
 * export.h: the samples of a result folder in the formats of others' tools (`nanolab export`).
 *
 *     googlebenchmark   Google Benchmark's JSON: compare.py. What each finished lab's
 * benchmark.json has, in one list nvbench           NVIDIA nvbench's JSON, version 1.0.0:
 * nvbench-compare, nvbench-compare-robust. One benchmark a lab, one state a case, whose one axis is
 * the case's id; the samples as little-endian float32 in FILE-bin/K.bin gobench           Go's
 * benchmark lines: benchstat. One line a sample tsv               one line a sample: lab, id,
 * device, series, sample, round, seconds
 *
 * Times are seconds a call in the journal; what a format cannot hold (bits, plans, intervals,
 * provenance) is left out. nvbench knows CUDA devices alone: here they are numbered in the order in
 * which the folder names them, and have their names.
 */
#ifndef NANOLAB_HARNESS_EXPORT_H
#define NANOLAB_HARNESS_EXPORT_H

#include <stddef.h>

/* F(value, word) */
#define EXPORT_FORMATS(F)                                                                          \
    F(EXPORT_GOOGLEBENCHMARK, "googlebenchmark")                                                   \
    F(EXPORT_NVBENCH, "nvbench")                                                                   \
    F(EXPORT_GOBENCH, "gobench")                                                                   \
    F(EXPORT_TSV, "tsv")
#define EXPORT_ENUMERATOR(value, word) value,
enum export_format { EXPORT_FORMATS(EXPORT_ENUMERATOR) EXPORT_FORMAT_COUNT };
const char *export_format_name(enum export_format format);

/* Writes the folder's samples to `file`, which must not be there; NULL: standard output, but for
 * nvbench. *samples of them. 0, or -1 with error_text() and no file. */
int export_folder(const char *dir, enum export_format format, const char *file, size_t *samples);

#endif
