/*
 * compare_fixture.h: for the tests of comparisons: two sides made here, whose times, bits and
 * settings are known.
 */
#ifndef NANOLAB_HARNESS_COMPARE_FIXTURE_H
#define NANOLAB_HARNESS_COMPARE_FIXTURE_H

#include <math.h>

#include "harness/compare/compare.h"
#include "harness/error.h"
#include "harness/measure/bench.h"
#include "harness/measure/meter.h"
#include "harness/store/result_fixture.h"
#include "kernels/rng/philox.h"

/* How a side was made. */
struct made {
    double slower;  /* times of odd cases, over those of the other side */
    double roof;    /* of the machine: all times are shorter by it */
    int other_bits; /* this case has others, in every session; -1: none */
    int varying;    /* this case has others in every session; -1: none */
    int other_plan; /* this case was measured with 2 threads; -1: none */
    int cases;      /* from `from` on */
    int from;
    enum verdict verdict; /* of the first claim */
    double clock;         /* of odd cases, in Hz; even ones have 1 GHz; 0: none was read */
    double joules;        /* a call, in 1 ms; 0: not measured */
};
#define PLAIN                                                                                      \
    { 1, 1, -1, -1, -1, 10, 0, VERDICT_CONFIRMED }

static inline void record_time(struct lab_case *c, double median) {
    double seconds[3] = {median, median, median};
    uint32_t rounds[3] = {0, 1, 2};
    case_bench(c, &(struct bench_result){.seconds = seconds,
                                         .round = rounds,
                                         .samples = 3,
                                         .calls = 7,
                                         .stop = BENCH_SETTLED,
                                         .median = median,
                                         .low = median,
                                         .high = median});
}

static inline int record_case(struct fixture *f, const struct made *m, int k, uint64_t session) {
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/case/n=%d", k);
    assert_non_null(c);
    uint64_t bits = 17u * (unsigned)k + (k == m->other_bits) + (k == m->varying ? session : 0);
    double time = 1e-3 / m->roof * (k % 2 ? m->slower : 1);
    case_param_int(c, "n", k);
    case_param_int(c, "threads", k == m->other_plan ? 2 : 1);
    case_counter(c, "roof fraction", k % 2 ? 0.5 / m->slower : 0.5);
    /* Case 0 is no case of time. */
    if (k > 0)
        record_time(c, time * exp(0.001 * philox_normal(3, session, (uint64_t)k)));
    const double hertz = k % 2 ? m->clock : 1e9, joules = m->joules;
    const struct meter_clock clock = {"nvml", 3, hertz, hertz, hertz};
    const struct meter_energy energy = {
        "nvml", 500, 0.5, {joules / 1e-3, joules / 1e-3, joules / 1e-3}, {joules, joules, joules}};
    if (m->clock > 0 && k > 0)
        case_clock(c, &clock);
    if (joules > 0 && k > 0)
        case_energy(c, &energy);
    case_series_bits(c, "measured", 32, &bits, 1);
    return lab_case_end(c);
}

static inline void make_session(struct fixture *f, const struct made *m, uint64_t session) {
    assert_int_equal(fixture_open(f, RESULT_NEW), 0);
    for (int k = m->from; k < m->from + m->cases; k++)
        assert_int_equal(record_case(f, m, k, session), 0);
    struct finding finding = {.verdict = m->verdict, .held = 3, .against = 3, .settled = true};
    snprintf(finding.statement, sizeof finding.statement, "it is so");
    snprintf(finding.range, sizeof finding.range, "some");
    snprintf(finding.reason, sizeof finding.reason, "a thing is missing");
    char id[40];
    snprintf(id, sizeof id, "42/case/n=%d", m->from);
    finding.evidence = json_pack("[s]", id);
    assert_int_equal(result_claim(f->run.result, &fixture_claims[0], "cpu", &finding), 0);
    if (result_finish(f->run.result) != 0)
        fail_msg("%s", error_text());
    fixture_close(f);
}

/* Sides "a" and "b" in one folder. */
struct two {
    struct fixture f;
    char path[2][128];
    struct compare_side side[2];
    struct compare c;
    bool is_open;
};

static inline void make_side(struct two *t, int which, const struct made *m, unsigned sessions) {
    char side[sizeof t->f.dir - 16], path[sizeof t->f.dir];
    snprintf(side, sizeof side, "%s/%c", t->f.root, 'a' + which);
    strcpy(t->path[which], side);
    assert_int_equal(mkdir(side, 0777), 0);
    for (unsigned s = 1; s <= sessions; s++) {
        snprintf(path, sizeof path, "%.90s/session-%u", side, s);
        strcpy(t->f.dir, path);
        make_session(&t->f, m, 100u * (unsigned)which + s);
    }
}

static inline void compare_two(struct two *t, const struct compare_band *bands) {
    const struct compare_rule rule = compare_rule_default();
    for (int k = 0; k < 2; k++)
        if (compare_side_open(&t->side[k], t->path[k]) != 0)
            fail_msg("%s", error_text());
    for (int k = 0; k < 2; k++) /* what this machine did while they were made is not the question */
        t->side[k].load_count = 0;
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, bands), 0);
    t->is_open = true;
}

static inline int two_setup(void **state) {
    struct two *t = calloc(1, sizeof *t);
    *state = t;
    return t ? fixture_begin(&t->f) : -1;
}

static inline int two_teardown(void **state) {
    struct two *t = *state;
    if (t->is_open)
        compare_close(&t->c);
    compare_side_close(&t->side[0]);
    compare_side_close(&t->side[1]);
    fixture_end(&t->f);
    free(t);
    return 0;
}

static inline const struct compare_pair *pair_of(const struct two *t, int k) {
    char id[40];
    snprintf(id, sizeof id, "42/case/n=%d", k);
    for (size_t p = 0; p < t->c.count; p++)
        if (strcmp(t->c.pairs[p].first->id, id) == 0)
            return &t->c.pairs[p];
    fail_msg("no pair for %s", id);
    return NULL;
}

#endif
