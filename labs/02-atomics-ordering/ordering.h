/*
 * ordering.h: what the files of this lab share.
 *
 *     lab.c        the claims, and the sweep as a list of its parts
 *     seat.c       one way to sum on one device, ready to be run again and again
 *     settings.c   which ways, on which data, idle or loaded
 *     repeat.c     the same sum 1,000 times: how many results are there?
 *     replay.c     the recovered order of each logged run, replayed to the bit
 *     reach.c      small sums: every result that some order can give
 *     load.c       two settings in turns: does the spread grow?
 *     range.c      what fixed point does with numbers that do not fit
 *     price.c      what the cures cost
 *     checks.c     A1 to A4 judged from the recorded cases; cures.c judges A5
 *     tables.c     the tables behind the plots
 */
#ifndef NANOLAB_LABS_02_ORDERING_H
#define NANOLAB_LABS_02_ORDERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "kernels/atomics/atomics.h"
#include "kernels/atomics/atomics_cpu.h"
#include "kernels/atomics/atomics_model.h"

/* --- settings.c --------------------------------------------------------------------------------
 */

enum input_kind {
    INPUT_UNIFORM,
    INPUT_NORMAL,
    INPUT_LOG_UNIFORM,
    INPUT_CANCELLING, /* condition 1e6 */
    INPUT_ONES,       /* exact in every order: a lost or doubled update would show at once */
    INPUT_KINDS
};
const char *input_name(enum input_kind kind);

/* n elements of a type in host memory, the same for the same arguments; NULL: no memory. */
void *input_new(enum input_kind kind, enum atomics_type type, size_t n, uint64_t seed);
/* Sum|x| / |sum x|, and the largest |x|; of packed halves, of both halves together. */
int input_rate(enum atomics_type type, const void *x, size_t n, double *condition, double *largest);

/* One thing that is repeated. */
struct setting {
    const char *plan; /* atomics_plan_text's words, or atomics_cpu_plan_text's on the CPU */
    enum input_kind input;
    bool loaded; /* with a neighbour: contending threads, or a kernel on a second stream */
};
/* Plain and logged sums, whose results may differ, and cures, whose results must not. */
const struct setting *settings_plain(enum device_kind kind, size_t *count);
const struct setting *settings_cures(enum device_kind kind, size_t *count);
const struct setting *settings_logged(enum device_kind kind, size_t *count);
/* Elements of a repeated sum on a device: enough to differ, few enough for thousands of runs. */
size_t settings_n(enum device_kind kind);
/* Repetitions: 1,000, or 10,000 in full mode. */
size_t settings_runs(enum lab_mode mode);
/* The type that a plan's text names (f32 if it names none, or is no plan). */
enum atomics_type settings_type(enum device_kind kind, const char *plan);

/* --- seat.c ------------------------------------------------------------------------------------
 */

/* One way to sum, with its data and its memory, on one device. */
struct seat {
    struct device *device;
    enum device_kind kind;
    bool native;
    struct atomics_plan plan;    /* on cuda and simt … */
    struct atomics_cpu_plan cpu; /* … or on the CPU */
    char text[PLAN_TEXT];
    enum atomics_type type;
    enum atomics_cure cure;
    enum atomics_merge merge;
    enum atomics_add add; /* how one update changes the number at its address */
    size_t addresses, updates, n;
    int unit; /* of fixed point */
    unsigned lanes;
    double exact; /* the exact sum of x, rounded once to the type; NaN for packed halves */

    const void *x; /* host memory, borrowed */
    void *values;  /* the updates' values: `updates` elements */
    void *result;  /* the last run's: `addresses` elements */
    void *log;     /* what each update found, of logged plans */
    uint32_t status;

    struct atomics_cpu_job cpu_job;
    struct atomics_job job;
    const struct atomics_ops *ops;
    void *device_x, *stream;
};

/* Takes `plan` on a device for x[0…n-1]. `unit`: of fixed point. 0, or -1 with device_error();
 * seat_close either way. */
int seat_open(struct seat *seat, struct device *device, const char *plan, const void *x, size_t n,
              int unit);
void seat_close(struct seat *seat);
/* One run; `loaded` with a neighbour, `turn` picks the schedule on the SIMT machine. Results (and
 * log) are in host memory afterwards. 0, or -1 with device_error(). */
int seat_run(struct seat *seat, bool loaded, uint64_t turn);
/* One call as it is timed: result and log stay where they are. */
int seat_call(struct seat *seat);
/* The last run's result as one number: its bits with one address and lane, otherwise a hash of all
 * addresses; NaNs as one. `width`: bits of it (may be NULL). */
uint64_t seat_fingerprint(const struct seat *seat, int *width);
/* The one result that a cure must have, in the same way; -1 with device_error() if the plan has no
 * one result. `status` as in atomics.h, may be NULL. */
int seat_predict(const struct seat *seat, uint64_t *fingerprint, uint32_t *status);
/* Distance of the last run's first sum from the correctly rounded exact sum, signed, in ULP; NaN
 * where the plan has several sums or numbers that are not float or double. */
double seat_ulps(const struct seat *seat);
/* The plan as a record; new reference. */
json_t *seat_json(const struct seat *seat);
/* Threads of a plan on the CPU, blocks elsewhere. */
size_t seat_parties(const struct seat *seat);
/* Who made update u: its thread on the CPU, its block elsewhere. */
size_t seat_party(const struct seat *seat, size_t update);

/* The seed of the SIMT machine's schedules in this run. */
void seat_seed(uint64_t seed);

/* --- the parts of the sweep --------------------------------------------------------------------
 */

int sweep_repeat(struct lab_run *run, struct device *device);
int sweep_replay(struct lab_run *run, struct device *device);
int sweep_reach(struct lab_run *run, struct device *device);
int sweep_load(struct lab_run *run, struct device *device);
int sweep_range(struct lab_run *run, struct device *device);
int sweep_price(struct lab_run *run, struct device *device);
int write_tables(struct lab_run *run);

/* --- small helpers of several files ------------------------------------------------------------
 */

/* Distinct values among the bits of a recorded series; 0 if it is not there. */
size_t series_distinct(const json_t *record, const char *name);
/* FNV-1a over bytes, carried on from `hash`. */
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size);

/* What the recorded turns of two settings say: spread(b) - spread(a), with an interval. */
enum direction { DIRECTION_GROWS, DIRECTION_SHRINKS, DIRECTION_NOT_SHOWN };
struct comparison {
    double a, b;                   /* median spread (standard deviation in ULP) of a batch */
    double distinct_a, distinct_b; /* median distinct results in a batch */
    double change, low, high;      /* median of the paired differences, 95 % interval */
    size_t pairs;
    enum direction direction;
};
/* -1 if the record holds no turns. */
int compare_turns(const json_t *record, struct comparison *out);
const char *direction_name(enum direction direction);

/* --- checks ------------------------------------------------------------------------------------
 */

int check_any_order(struct lab_run *run, const char *device_id, struct finding *finding);
int check_spread(struct lab_run *run, const char *device_id, struct finding *finding);
int check_load(struct lab_run *run, const char *device_id, struct finding *finding);
int check_replay(struct lab_run *run, const char *device_id, struct finding *finding);
int check_cures(struct lab_run *run, const char *device_id, struct finding *finding);

#endif
