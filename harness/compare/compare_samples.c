/*
 * compare_samples.c: see compare_samples.h.
 */
#include "harness/compare/compare_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_cells.h"
#include "harness/compare/compare_foreign.h"
#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/measure/stats.h"
#include "harness/store/checked.h"
#include "harness/store/pack.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* What is read of one session. */
struct reading {
    struct compare_samples *const *samples;
    const struct compare_case *const *cases;
    size_t count, session;
    size_t at; /* the case now visited */
    const json_t *units;
};

/* Of n values, every k-th where they are many. */
static int take(struct compare_drawn *s, const json_t *series, const double *samples, size_t n) {
    size_t every = 1 + (n - 1) / COMPARE_SAMPLES_MOST;
    if (n == 0)
        return 0;
    s->seconds = malloc((n / every + 1) * sizeof *s->seconds);
    if (!s->seconds)
        return short_of_memory();
    for (size_t k = 0; k < n; k += every) {
        double seconds = samples ? samples[k] : case_series_real_at(series, k);
        if (isfinite(seconds) && seconds > 0)
            s->seconds[s->count++] = seconds;
    }
    s->of = n;
    s->there = s->count > 0;
    s->median = stats_median(s->seconds, s->count);
    s->low = stats_quantile(s->seconds, s->count, COMPARE_LOW);
    s->high = stats_quantile(s->seconds, s->count, 0.75);
    return 0;
}

/* Also texts of trees that lie in the line; one in a side file is too long to be looked at. */
static int take_bits(struct compare_samples *samples, const json_t *units, const json_t *record) {
    json_t *one;
    size_t k;
    if (samples->trees)
        return 0;
    samples->trees = json_object();
    samples->cells = compare_cells_of(units, record);
    if (!samples->trees || !samples->cells)
        return short_of_memory();
    json_array_foreach(json_object_get(record, "series"), k, one) {
        const char *kind = json_string_value(json_object_get(one, "kind"));
        const char *name = json_string_value(json_object_get(one, "name"));
        json_t *text = json_array_get(json_object_get(one, "values"), 0);
        if (kind && name && strcmp(kind, "tree") == 0 && json_is_string(text) &&
            json_object_set(samples->trees, name, text) != 0)
            return short_of_memory();
    }
    return 0;
}

/* Ids that begin with the wanted one come here, too. */
static int visit(void *context, const json_t *record) {
    struct reading *r = context;
    struct compare_samples *samples = r->samples[r->at];
    struct compare_drawn *session = &samples->session[r->session];
    const char *id = json_string_value(json_object_get(record, "id"));
    const json_t *series = case_series(record, "time");
    const char *unit = json_string_value(json_object_get(series, "unit"));
    const char *kind = json_string_value(json_object_get(series, "kind"));
    if (!id || strcmp(id, r->cases[r->at]->id) != 0 || session->seconds)
        return 0;
    int status = unit && kind && strcmp(unit, "s") == 0 && strcmp(kind, "time") == 0
                     ? take(session, series, NULL, case_series_length(series))
                     : 0;
    samples->count += session->count;
    return status == 0 ? take_bits(samples, r->units, record) : status;
}

static bool wants_lab(const struct reading *r, const char *lab) {
    for (size_t k = 0; k < r->count; k++)
        if (strcmp(r->cases[k]->lab, lab) == 0)
            return true;
    return false;
}

static int read_lab(struct reading *r, const json_t *run, const char *dir, const char *name) {
    struct limits left = LIMITS_WHOLE;
    struct checked_lab lab;
    int status = checked_lab_open(&lab, run, dir, name, &left);
    r->units = status == 0 ? json_object_get(lab.reader->start, "quantities") : NULL;
    for (r->at = 0; status == 0 && r->at < r->count; r->at++) {
        const struct compare_case *c = r->cases[r->at];
        if (strcmp(c->lab, name) == 0)
            status = reader_cases(lab.reader, c->id, c->device, visit, r);
    }
    checked_lab_close(&lab);
    return status;
}

/* `dir` is a result folder; only labs with a wanted case are read. */
static int read_folder(void *context, const char *dir) {
    struct reading *r = context;
    char labs[LIMIT_LABS][64];
    json_t *run = reader_run(dir);
    int count = run ? reader_labs(dir, labs, LIMIT_LABS) : -1;
    int status = count < 0 ? -1 : 0;
    for (int k = 0; status == 0 && k < count; k++)
        if (wants_lab(r, labs[k]))
            status = read_lab(r, run, dir, labs[k]);
    json_decref(run);
    return status;
}

/* The samples of a case in another tool's file. */
static int see(void *context, const struct compare_case *c, const double *samples, size_t count) {
    struct reading *r = context;
    for (size_t k = 0; k < r->count; k++) {
        struct compare_drawn *session = &r->samples[k]->session[r->session];
        if (session->seconds || strcmp(c->id, r->cases[k]->id) != 0 ||
            strcmp(c->device, r->cases[k]->device) != 0)
            continue;
        if (take(session, NULL, samples, count) != 0)
            return -1;
        r->samples[k]->count += session->count;
    }
    return 0;
}

static int read_foreign(struct reading *r, const char *path) {
    struct compare_side side;
    struct compare_session session = {.side = &side, .see = see, .context = r};
    int status = compare_side_begin(&side, path);
    if (status == 0)
        status = compare_foreign_read(&session, path);
    while (session.count > 0)
        compare_session_drop(&session);
    free(session.cases);
    compare_side_close(&side);
    return status;
}

int compare_samples_read(struct compare_samples *const *samples,
                         const struct compare_case *const *cases, size_t count,
                         const struct compare_side *side) {
    struct reading r = {.samples = samples, .cases = cases, .count = count};
    json_t *folder;
    int status = 0;
    for (size_t k = 0; k < count; k++)
        memset(samples[k], 0, sizeof *samples[k]);
    json_array_foreach(side->folders, r.session, folder) {
        const char *path = json_string_value(folder);
        struct pack pack;
        for (size_t k = 0; k < count; k++)
            samples[k]->sessions++;
        status = side->foreign           ? read_foreign(&r, path)
                 : pack_is_archive(path) ? pack_visit(path, read_folder, &r, &pack)
                                         : read_folder(&r, path);
        if (status != 0)
            break;
    }
    return status;
}

void compare_samples_free(struct compare_samples *samples) {
    for (size_t k = 0; k < samples->sessions; k++)
        free(samples->session[k].seconds);
    json_decref(samples->trees);
    json_decref(samples->cells);
    memset(samples, 0, sizeof *samples);
}

/* --- histograms --------------------------------------------------------------------------------
 */

static size_t gather(const struct compare_samples *samples, double *out) {
    size_t n = 0;
    for (size_t k = 0; k < samples->sessions; k++)
        for (size_t i = 0; i < samples->session[k].count; i++)
            out[n++] = samples->session[k].seconds[i];
    return n;
}

/* The largest sample that is not far out: further than the 99th percentile and half as far again.
 */
static double largest(const double *all, size_t n, double low) {
    double usual = stats_quantile(all, n, 0.99), high = low;
    double limit = usual * sqrt(usual / low);
    for (size_t k = 0; k < n; k++)
        if (all[k] <= fmax(limit, usual))
            high = fmax(high, all[k]);
    return high;
}

static void set_edges(const double *all, size_t n, size_t wanted, struct compare_histogram *h) {
    double low = stats_quantile(all, n, 0), high = largest(all, n, low);
    /* A few samples in many bins are a comb. */
    size_t most = 4 + (size_t)(2 * sqrt((double)n));
    h->bins = !(high > low) ? 1 : wanted < most ? wanted : most;
    for (size_t k = 0; k <= h->bins; k++)
        h->edges[k] = low * pow(high / low, (double)k / (double)h->bins);
    if (h->bins == 1) {
        h->edges[0] = low / 1.001;
        h->edges[1] = low * 1.001;
    }
}

static void count_into(struct compare_histogram *h, const double *seconds, size_t n, size_t side) {
    double width = log(h->edges[h->bins] / h->edges[0]) / (double)h->bins;
    for (size_t k = 0; k < n; k++) {
        double place = floor(log(seconds[k] / h->edges[0]) / width);
        /* The largest sample belongs to the last bin; so does what rounding puts over its edge. */
        if (seconds[k] > h->edges[h->bins] * (1 + 1e-12))
            h->beyond[side]++;
        else
            h->counts[side][(size_t)fmin(fmax(place, 0), (double)h->bins - 1)]++;
    }
    h->all[side] = n;
}

int compare_histogram(const struct compare_samples *first, const struct compare_samples *second,
                      size_t wanted, struct compare_histogram *out) {
    size_t n = first->count, m = second->count;
    memset(out, 0, sizeof *out);
    if (n + m == 0)
        return 0;
    double *all = malloc((n + m) * sizeof *all);
    if (!all)
        return short_of_memory();
    gather(first, all);
    gather(second, all + n);
    set_edges(all, n + m, wanted < COMPARE_BINS_MOST ? wanted : COMPARE_BINS_MOST, out);
    count_into(out, all, n, 0);
    count_into(out, all + n, m, 1);
    free(all);
    return 0;
}

const char *compare_unit(double seconds, double *times) {
    static const char *const names[] = {"s", "ms", "us", "ns"};
    size_t k = 0;
    *times = 1;
    while (k < 3 && seconds * *times < 1) {
        *times *= 1e3;
        k++;
    }
    return names[k];
}
