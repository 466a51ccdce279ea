/*
 * compare_record.h: what one case's record, as its journal has it, says to a comparison. It has
 * been checked (store/record.h), and is a stranger's nevertheless.
 */
#ifndef NANOLAB_HARNESS_COMPARE_RECORD_H
#define NANOLAB_HARNESS_COMPARE_RECORD_H

#include "harness/compare/compare.h"

/* Whether it has bit patterns or trees, and their hash. `units`: the start record's quantities. */
bool compare_record_bits(const json_t *units, const json_t *record, uint64_t *hash);
/* The same of the series that `takes` says are meant; `units` NULL: without cells. */
bool compare_record_bits_of(const json_t *units, const json_t *record,
                            bool (*takes)(const json_t *series), uint64_t *hash);
/* A hash of its rows' other texts, names of data sets mostly, and of their number. */
uint64_t compare_record_rows(const json_t *units, const json_t *record);
/* Whether the text of a summation tree is among them. */
bool compare_record_has_tree(const json_t *record);
/* Both NaN: not timed. */
struct compare_time compare_record_time(const json_t *record);
/* What NVML says of a GPU's clocks, but "idle" and what a user has set; of a CPU, that its count of
 * times that it was too hot has grown. */
bool compare_record_throttled(const json_t *record);
enum compare_pages compare_record_pages(const json_t *record);
/* Its part of the roof, > 0; NaN: none. */
double compare_record_roof(const json_t *record);

#endif
