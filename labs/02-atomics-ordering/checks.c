/*
 * checks.c: A1 to A4, judged from what was recorded. (A5, the cures and their prices: cures.c.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "labs/02-atomics-ordering/ordering.h"

static const char *id_of(const json_t *record) {
    const char *id = json_string_value(json_object_get(record, "id"));
    return id ? id : "";
}

static const char *text_of(const json_t *record, const char *name) {
    const char *text = case_text(record, "params", name);
    return text ? text : "?";
}

static int not_recorded(struct finding *finding, const char *device_id) {
    finding->verdict = VERDICT_NOT_TESTABLE;
    snprintf(finding->reason, sizeof finding->reason, "no sums by atomics were recorded on %s",
             device_id);
    return 0;
}

size_t series_distinct(const json_t *record, const char *name) {
    const json_t *series = case_series(record, name);
    size_t n = case_series_length(series);
    uint64_t *bits = malloc((n + 1) * sizeof *bits);
    if (!bits)
        return 0;
    for (size_t k = 0; k < n; k++)
        bits[k] = case_series_bits_at(series, k);
    long distinct = ulp_distinct(bits, n);
    free(bits);
    return distinct > 0 ? (size_t)distinct : 0;
}

static bool is_simulated(const char *device_id) {
    return strcmp(device_id, "simt") == 0;
}

/* What takes its turn in any order. */
static const char *party_word(const char *device_id) {
    return strcmp(device_id, "cpu") == 0 ? "threads" : "blocks";
}

/* --- A1 ----------------------------------------------------------------------------------------
 */

struct orders {
    struct finding *finding;
    size_t settings, varied, most, runs, parties;
    char plan[PLAN_TEXT];
};

static int count_orders(void *context, const json_t *record) {
    struct orders *o = context;
    const json_t *series = case_series(record, "order");
    size_t distinct = series_distinct(record, "order");
    if (distinct == 0 || case_number(record, "params", "parties") < 2)
        return 0; /* packed halves have an order per half; one party has nothing to swap with */
    o->settings++;
    o->varied += distinct > 1;
    if (distinct > o->most) {
        o->most = distinct;
        o->runs = case_series_length(series);
        o->parties = (size_t)case_number(record, "params", "parties");
        snprintf(o->plan, sizeof o->plan, "%s", text_of(record, "plan"));
        finding_evidence(o->finding, id_of(record));
    }
    return 0;
}

int check_any_order(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct orders o = {.finding = finding};
    lab_cases(run, "02/replay/", device_id, count_orders, &o);
    if (o.settings == 0)
        return not_recorded(finding, device_id);
    finding->checked = o.settings;
    finding->held = o.varied;
    finding->verdict = o.varied ? VERDICT_CONFIRMED : VERDICT_REFUTED;
    snprintf(finding->statement, sizeof finding->statement,
             "%zu runs of %s brought the updates of its %zu %s in %zu different orders%s", o.runs,
             o.plan, o.parties, party_word(device_id), o.most,
             is_simulated(device_id) ? ", all of them schedules that the kernel allows: here the "
                                       "schedule is drawn by a seed, not by hardware"
                                     : "");
    return 0;
}

/* --- A2 ----------------------------------------------------------------------------------------
 */

struct spreads {
    struct finding *finding;
    size_t settings, moved, most, runs;
    uint64_t ones, exact;     /* runs over ones; those that counted them all */
    size_t alone, alone_same; /* settings with one thread, one result */
    char most_text[160];
};

/* Two updates of a zero commute, and so do a thread's own with nobody else's. */
static bool order_can_matter(const json_t *record) {
    double per_address =
        case_number(record, "params", "updates") / case_number(record, "params", "addresses");
    return per_address > 2;
}

static void count_ones(struct spreads *s, const json_t *record) {
    const json_t *measured = case_series(record, "measured");
    float sum = (float)case_number(record, "params", "n");
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    for (size_t k = 0; k < case_series_length(measured); k++) {
        s->ones++;
        s->exact += case_series_bits_at(measured, k) == bits;
    }
    if (s->ones != s->exact)
        finding_evidence(s->finding, id_of(record));
}

static int count_spread(void *context, const json_t *record) {
    struct spreads *s = context;
    size_t distinct = series_distinct(record, "measured");
    if (strcmp(text_of(record, "input"), "ones") == 0) {
        count_ones(s, record);
        return 0;
    }
    const char *device = json_string_value(json_object_get(record, "device"));
    if (case_number(record, "params", "parties") == 1 && device && strcmp(device, "cpu") == 0) {
        s->alone++;
        s->alone_same += distinct == 1;
        return 0;
    }
    if (!order_can_matter(record))
        return 0;
    s->settings++;
    s->moved += distinct > 1;
    if (distinct > s->most && case_series(record, "ulps from exact")) {
        s->most = distinct;
        s->runs = case_series_length(case_series(record, "measured"));
        snprintf(s->most_text, sizeof s->most_text, "%s on %s data (%.0f to %.0f ULP from exact)",
                 text_of(record, "plan"), text_of(record, "input"),
                 case_number(record, "counters", "lowest ulps"),
                 case_number(record, "counters", "highest ulps"));
        finding_evidence(s->finding, id_of(record));
    }
    return 0;
}

int check_spread(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct spreads s = {.finding = finding};
    lab_cases(run, "02/repeat/", device_id, count_spread, &s);
    if (s.settings == 0)
        return not_recorded(finding, device_id);
    finding->checked = s.settings + s.ones;
    finding->held = s.moved + s.exact;
    /* An update lost or done twice is no matter of order. */
    finding->broken = s.ones != s.exact || s.alone != s.alone_same;
    finding->verdict = s.moved ? VERDICT_CONFIRMED : VERDICT_REFUTED;
    snprintf(finding->statement, sizeof finding->statement,
             "no update was lost or doubled in %llu of %llu sums of ones; the same sum on the same "
             "data had more than one result in %zu of %zu settings where order can matter; most: "
             "%zu results in %zu runs of %s",
             (unsigned long long)s.exact, (unsigned long long)s.ones, s.moved, s.settings, s.most,
             s.runs, s.most ? s.most_text : "none");
    if (s.alone) {
        size_t used = strlen(finding->statement);
        snprintf(finding->statement + used, sizeof finding->statement - used,
                 "; one thread alone: one result in %zu of %zu settings", s.alone_same, s.alone);
    }
    return 0;
}

/* --- A3 ----------------------------------------------------------------------------------------
 */

struct axes {
    struct finding *finding;
    size_t count;
    size_t grows, shrinks, open;
    char text[500];
    char by_direction[3][60]; /* the names of the axes, by enum direction */
};

static int judge_axis(void *context, const json_t *record) {
    struct axes *a = context;
    struct comparison c;
    const char *name = text_of(record, "name");
    if (strcmp(name, "logging") == 0) /* another question: A4's */
        return 0;
    if (compare_turns(record, &c) != 0)
        return -1;
    a->count++;
    a->grows += c.direction == DIRECTION_GROWS;
    a->shrinks += c.direction == DIRECTION_SHRINKS;
    a->open += c.direction == DIRECTION_NOT_SHOWN;
    char *list = a->by_direction[c.direction];
    size_t used = strlen(list);
    snprintf(list + used, sizeof a->by_direction[0] - used, "%s%s", used ? ", " : "", name);
    used = strlen(a->text);
    snprintf(a->text + used, sizeof a->text - used,
             "%s%s: %s, %.2f to %.2f ULP (change %.2f, 95 %% in %.2f to %.2f, %zu pairs)",
             used ? "; " : "", name, direction_name(c.direction), c.a, c.b, c.change, c.low, c.high,
             c.pairs);
    finding_evidence(a->finding, id_of(record));
    return 0;
}

int check_load(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct axes a = {.finding = finding};
    if (is_simulated(device_id)) {
        finding->verdict = VERDICT_NOT_TESTABLE;
        snprintf(finding->reason, sizeof finding->reason,
                 "the SIMT machine has no load: its schedules are drawn by a seed, so that their "
                 "spread is a choice and no measurement; needs real threads or a GPU");
        return 0;
    }
    if (lab_cases(run, "02/turns/", device_id, judge_axis, &a) != 0)
        return lab_error(run, "the recorded turns on %s hold no intervals", device_id);
    if (a.count == 0)
        return not_recorded(finding, device_id);
    finding->checked = a.count;
    finding->held = a.grows;
    if (a.grows == a.count) {
        finding->verdict = VERDICT_CONFIRMED;
    } else if (a.grows > 0) {
        finding->verdict = VERDICT_BOUNDED;
        const char *shrunk = a.by_direction[DIRECTION_SHRINKS];
        const char *open = a.by_direction[DIRECTION_NOT_SHOWN];
        snprintf(finding->range, sizeof finding->range, "grows with: %s%s%s%s%s",
                 a.by_direction[DIRECTION_GROWS], shrunk[0] ? "; shrinks with: " : "", shrunk,
                 open[0] ? "; not shown with: " : "", open);
    } else if (a.open > 0) {
        /* An interval around zero bounds the effect; it does not say that there is none. */
        finding->verdict = VERDICT_BOUNDED;
        snprintf(finding->range, sizeof finding->range,
                 "not shown for any load; what there is lies within the intervals");
    } else {
        finding->verdict = VERDICT_REFUTED;
    }
    snprintf(finding->statement, sizeof finding->statement,
             "spread of a batch of runs (standard deviation), in turns; %s", a.text);
    return 0;
}

/* --- A4 ----------------------------------------------------------------------------------------
 */

struct replayed {
    struct finding *finding;
    size_t settings;
    uint64_t runs, runs_held, chains, held, differ;
    char failure[160];
    uint64_t observed, inside; /* results of small sums; those that some order gives */
    size_t small;
    char logging[200];
};

static int count_replay(void *context, const json_t *record) {
    struct replayed *r = context;
    const json_t *chains = case_series(record, "chains");
    const json_t *held = case_series(record, "chains replayed to the bit");
    const json_t *differ = case_series(record, "chains that a shuffled order changed");
    uint64_t before = r->held, all = r->chains;
    r->settings++;
    for (size_t k = 0; k < case_series_length(chains); k++) {
        uint64_t c = (uint64_t)case_series_real_at(chains, k);
        uint64_t h = (uint64_t)case_series_real_at(held, k);
        r->runs++;
        r->runs_held += c == h && c > 0;
        r->chains += c;
        r->held += h;
        r->differ += (uint64_t)case_series_real_at(differ, k);
    }
    if (r->held - before != r->chains - all && !r->failure[0])
        snprintf(r->failure, sizeof r->failure, "; first failure: %s",
                 text_of(record, "first failure"));
    finding_evidence(r->finding, id_of(record));
    return 0;
}

static int count_inside(void *context, const json_t *record) {
    struct replayed *r = context;
    size_t runs = case_series_length(case_series(record, "measured"));
    uint64_t outside = (uint64_t)case_number(record, "counters", "outside");
    r->small++;
    r->observed += runs;
    r->inside += runs - outside;
    if (outside)
        finding_evidence(r->finding, id_of(record));
    return 0;
}

static int read_logging(void *context, const json_t *record) {
    struct replayed *r = context;
    struct comparison c;
    if (compare_turns(record, &c) != 0)
        return -1;
    snprintf(r->logging, sizeof r->logging,
             "; logging itself: spread %.2f, plain %.2f ULP (change %.2f, 95 %% in %.2f to %.2f)",
             c.b, c.a, c.change, c.low, c.high);
    return 0;
}

int check_replay(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct replayed r = {.finding = finding};
    lab_cases(run, "02/replay/", device_id, count_replay, &r);
    lab_cases(run, "02/reach/", device_id, count_inside, &r);
    if (lab_cases(run, "02/turns/logging/", device_id, read_logging, &r) != 0)
        return lab_error(run, "the recorded turns on %s hold no intervals", device_id);
    if (r.chains == 0)
        return not_recorded(finding, device_id);
    finding->checked = r.runs + r.observed;
    finding->held = r.runs_held + r.inside;
    finding->broken = r.held != r.chains || r.inside != r.observed;
    finding->verdict = VERDICT_CONFIRMED;
    if (r.differ == 0) {
        finding->verdict = VERDICT_BOUNDED;
        snprintf(finding->range, sizeof finding->range,
                 "no shuffled order gave other bits on these data, so that agreeing proves little");
    }
    snprintf(
        finding->statement, sizeof finding->statement,
        "adding in the recovered order gave the run's own bits in %llu of %llu logged runs "
        "(%llu of %llu addresses' chains), a shuffled order other bits in %.1f %%; of %llu "
        "results of %zu kinds of small sums %llu were on the list of what some order gives%s%s",
        (unsigned long long)r.runs_held, (unsigned long long)r.runs, (unsigned long long)r.held,
        (unsigned long long)r.chains, 100.0 * (double)r.differ / (double)r.chains,
        (unsigned long long)r.observed, r.small, (unsigned long long)r.inside, r.logging,
        r.failure);
    return 0;
}
