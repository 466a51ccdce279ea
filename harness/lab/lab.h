/*
 * lab.h: what a lab is, and what it may ask of the harness.
 *
 * A lab is a table of claims in the order of its README. Each claim has a sweep, which records
 * cases and judges nothing, and a check, which judges the recorded cases and measures nothing; so
 * a run that was stopped and resumed is judged on all of its cases. The table drives the run;
 * harness/cli/run_main.c owns main(): options, devices, journal, progress, verdicts, exit status.
 *
 *     static const struct claim claims[] = {
 *         {"S2", "Staging changes the last bits.", .refuted_by = "one result from all plans",
 *          .on = CLAIM_BITS, .cases = "01/sum/", .sweep = sweep_sums, .check = check_staging}, …};
 *     const struct lab lab = {.number = 1, .name = "float-staging", …, .claims = claims, …};
 */
#ifndef NANOLAB_HARNESS_LAB_H
#define NANOLAB_HARNESS_LAB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/judge.h"
#include "harness/lab/rows.h"
#include "harness/measure/ratio.h"
#include "kernels/device/device.h"

struct lab_run;
struct table_spec; /* tables.h */

#define LAB_ON(kind) (1u << (kind))

/* The parts of a run: bits are checked on some devices, time is measured on some. */
enum claim_part { CLAIM_BITS = 1, CLAIM_TIME = 2 };

struct claim {
    const char *id;         /* "S4" */
    const char *statement;  /* the claim, as the lab puts it to the test: one sentence */
    const char *refuted_by; /* the result that would refute it */
    unsigned on;            /* CLAIM_BITS, CLAIM_TIME or both: on which of the run's devices */
    unsigned only;          /* LAB_ON(…) mask of the kinds of device it can be asked on; 0: all */
    bool once;              /* it is about no device: asked on the first one only */
    const char *cases;      /* prefixes of the ids of its rows, separated by spaces */
    /* Records cases on one device. 0, or -1 after lab_error(). NULL where an earlier claim's sweep
     * records what this one rests on. Must be deterministic in (mode, seed, devices): --resume
     * relies on meeting the same case ids again. Called once for each device that the claim is
     * asked on; two claims may name one sweep: it runs once. */
    int (*sweep)(struct lab_run *run, struct device *device);
    /* Judges `rows`, the claim's cases of one device. Where there are none, the harness says "not
     * testable here" without asking. */
    void (*check)(const struct rows *rows, struct finding *finding);
};

/* What a name stands for, wherever it is recorded: parameters, counters, cells of rows. */
struct quantity {
    const char *name; /* "bytes" */
    const char *unit; /* "bytes", "bytes/s", "s", "1", "ulp", "bits"; "" for words */
    const char *what; /* "read and written by one call" */
};

/* Which code the cases of some ids run: names of objects as in build_kernels (build_info.h), or how
 * names begin, separated by spaces. What begins with the most of an id counts alone. A case on a
 * kind of device uses the objects for that kind, and those that every case uses (run_kernels). */
struct kernels_used {
    const char *cases; /* how ids begin: "01/time/" */
    const char *code;  /* "sum/ roofs/" */
};

struct lab {
    int number;
    const char *name;      /* "float-staging" */
    const char *question;  /* one line */
    const char *needs;     /* "a CPU; a GPU if there is one" */
    const char *takes;     /* "quick 20 s, default 3 min on two cores" */
    unsigned bits_devices; /* LAB_ON(…) masks: where it can check bits … */
    unsigned time_devices; /* … and where it can measure time */
    const struct claim *claims;
    size_t claim_count;
    /* Every name that the lab records; one that is not here is refused. They go into the journal,
     * so that a reader knows all units. */
    const struct quantity *quantities;
    size_t quantity_count;
    /* What a comparison of two builds looks at (compare_code.h); ids of no line: unknown. */
    const struct kernels_used *kernels;
    size_t kernel_count;
    const struct table_spec *tables;
    size_t table_count;
    /* Under --predict, before anything runs: prints what the model expects. NULL: nothing. */
    int (*predict)(struct lab_run *run);
};

/* Each lab defines exactly this one symbol. */
extern const struct lab lab;

enum lab_mode { LAB_QUICK, LAB_DEFAULT, LAB_FULL };

enum lab_mode lab_mode(const struct lab_run *run);
uint64_t lab_seed(const struct lab_run *run);
/* True under --predict: print what the model expects before anything runs. */
bool lab_predict(const struct lab_run *run);

/* The opened devices that this run checks bits on, or measures time on. */
size_t lab_bits_devices(const struct lab_run *run);
struct device *lab_bits_device(const struct lab_run *run, size_t k);
size_t lab_time_devices(const struct lab_run *run);
struct device *lab_time_device(const struct lab_run *run, size_t k);
/* Whether this run checks bits on a device, and whether it measures time there: for the sweeps of
 * claims about both. */
bool lab_checks_bits(const struct lab_run *run, const struct device *device);
bool lab_measures_time(const struct lab_run *run, const struct device *device);

/* Announces a stretch of work: `cases` more to come, for the progress line and the time left. */
void lab_expect(struct lab_run *run, size_t cases);
/* True once a signal asked the run to stop: finish the case in hand and return 0. */
bool lab_stopping(const struct lab_run *run);
/* Records why the sweep failed, in one line with the fix; returns -1. */
int lab_error(struct lab_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A remark for the person watching (stderr) and the report. */
void lab_note(struct lab_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Cases. The id is stable across machines ("01/sum/f32/n=65536/plan=…"); (id, device) is the key.
 *
 *     struct lab_case *c = lab_case_begin(run, device_id(d), "01/sum/f32/n=%zu/plan=%s", n, p);
 *     if (c) {                       // NULL: an earlier session of this run has done it already
 *         … measure …
 *         case_param_int(c, "n", n);
 *         case_series_bits(c, "measured", 32, bits, count);
 *         if (lab_case_end(c)) return -1;     // written and synced, or an error recorded
 *     }
 */
struct lab_case;

struct lab_case *lab_case_begin(struct lab_run *run, const char *device_id, const char *id_format,
                                ...) __attribute__((format(printf, 3, 4)));
/* Gives up a case that cannot be finished; nothing is recorded. */
void lab_case_drop(struct lab_case *c);
int lab_case_end(struct lab_case *c);

void case_param_int(struct lab_case *c, const char *name, int64_t value);
void case_param_real(struct lab_case *c, const char *name, double value);
void case_param_text(struct lab_case *c, const char *name, const char *value);
void case_param_flag(struct lab_case *c, const char *name, bool value);
/* A counter is a number derived from the case, such as bytes per second. Non-finite: null. */
void case_counter(struct lab_case *c, const char *name, double value);
/* One with its interval. */
void case_counter_ratio(struct lab_case *c, const char *name, struct ratio value);
/* Rows, where a case holds several results that each have the same columns: case_row() begins the
 * next row, case_cell_…() gives it its cells. They take the place of parallel series; a check
 * meets each as a row of its own (rows.h). */
void case_row(struct lab_case *c);
void case_cell_int(struct lab_case *c, const char *name, int64_t value);
void case_cell_real(struct lab_case *c, const char *name, double value);
void case_cell_text(struct lab_case *c, const char *name, const char *value);
/* A bit pattern of `width` bits, 8 to 64, written as a hex string. */
void case_cell_bits(struct lab_case *c, const char *name, int width, uint64_t bits);
/* The plan record (kernel variant, algorithm id, tile, …); takes the reference. */
void case_plan(struct lab_case *c, json_t *plan);

/* A measurement of bench.h: its samples as the series "time" and "round", and the group "bench"
 * (calls, stop, median, mad, low, high), which rows.h reads back as "@median" and so on. */
struct bench_result;
void case_bench(struct lab_case *c, const struct bench_result *result);
/* What meter.h measured beside it, as the groups "clock" (by, readings, median, low, high, in Hz)
 * and "energy" (by, calls, seconds; joules a call and watts, with _low and _high). */
struct meter_clock;
void case_clock(struct lab_case *c, const struct meter_clock *clock);
struct meter_energy;
void case_energy(struct lab_case *c, const struct meter_energy *energy);

/* Series. Over 10,000 values go to a side file with its SHA-256. */
void case_series_time(struct lab_case *c, const char *name, const double *seconds, size_t n);
/* Kind "real": numbers of any unit. */
void case_series_real(struct lab_case *c, const char *name, const char *unit, const double *values,
                      size_t n);
/* Bit patterns, `width` bits each (8…64), written as hex strings. */
void case_series_bits(struct lab_case *c, const char *name, int width, const uint64_t *bits,
                      size_t n);
void case_series_count(struct lab_case *c, const char *name, const char *unit,
                       const uint64_t *values, size_t n);
/* bins[k] counts values in [edges[k], edges[k+1]); `bins` + 1 edges. */
void case_series_histogram(struct lab_case *c, const char *name, const char *unit,
                           const double *edges, const uint64_t *counts, size_t bins);
void case_series_tree(struct lab_case *c, const char *name, const char *tree_text);

/*
 * Reading recorded cases back is done by rows (rows.h). This is below it, for the harness:
 * `prefix` selects ids that start with it ("" for all), device NULL selects all devices. Calls
 * visit with each case's whole JSON object, in journal order; a non-zero return stops and is
 * returned.
 */
int lab_cases(struct lab_run *run, const char *prefix, const char *device_id,
              int (*visit)(void *context, const json_t *record), void *context);
/* Accessors that never crash on a malformed record: NULL / 0 when absent. */
const json_t *case_series(const json_t *record, const char *name);
size_t case_series_length(const json_t *series);
uint64_t case_series_bits_at(const json_t *series, size_t k);
double case_series_real_at(const json_t *series, size_t k);

/* Opens DIR/<lab>/<name>.tsv for the table behind a plot; NULL after lab_error(). Close it with
 * lab_table_close, which renames it into place. In a row, cells stand between tabs; they are cut at
 * TABLE_CELL_MAX, and bytes that a table cannot hold (page/table.h) become "-". tables.h is what
 * labs use. */
struct lab_table;
struct lab_table *lab_table_open(struct lab_run *run, const char *name);
void lab_table_row(struct lab_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int lab_table_close(struct lab_table *table);

#endif
