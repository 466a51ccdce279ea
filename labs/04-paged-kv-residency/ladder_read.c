/*
 * ladder_read.c: the recorded ladders, read back: their points, ratios between them, and whether
 * translation may be named as a cause.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "labs/04-paged-kv-residency/map_side.h"

struct reading {
    const char *curve;
    struct ladder *ladder;
};

static int read_point(void *context, const json_t *record) {
    struct reading *r = context;
    struct ladder *l = r->ladder;
    if (strcmp(record_text(record, "curve"), r->curve) != 0 || l->count == LADDER_MOST)
        return 0;
    double bytes = record_param(record, "range");
    size_t at = l->count++;
    for (; at > 0 && l->bytes[at - 1] > bytes; at--) {
        l->bytes[at] = l->bytes[at - 1];
        l->ns[at] = l->ns[at - 1];
    }
    l->bytes[at] = bytes;
    l->ns[at] = record_counter(record, "ns per hop");
    return 0;
}

int ladder_read(struct lab_run *run, const char *device_id, const char *curve, struct ladder *out) {
    struct reading r = {curve, out};
    *out = (struct ladder){0};
    lab_cases(run, "04/ladder/", device_id, read_point, &r);
    return out->count >= 3 ? 0 : -1;
}

bool knee_is_translation(struct lab_run *run, const char *device_id, char *text, size_t size) {
    struct ladder small = {0}, large = {0}, packed = {0};
    struct knee knees[KNEES_MOST];
    size_t used = 0;
    if (size)
        text[0] = '\0';
    if (ladder_read(run, device_id, "4k", &small) != 0 ||
        ladder_read(run, device_id, "2m", &large) != 0 ||
        ladder_read(run, device_id, "packed", &packed) != 0)
        return false;
    bool any = false;
    size_t count = ladder_knees(&small, knees);
    for (size_t k = 0; k < count; k++) {
        if (!knee_moves(&knees[k], &large, &packed))
            continue;
        if (used < size)
            used += (size_t)snprintf(
                text + used, size - used,
                "%s%.0f to %.0f KiB of addresses: %.1fx with 4 KiB pages, %.1fx with 2 MiB pages, "
                "%.1fx for the same lines packed",
                any ? "; " : "", knees[k].from / 1024, knees[k].to / 1024, knees[k].growth,
                ladder_growth(&large, knees[k].from, knees[k].to),
                ladder_growth(&packed, knees[k].from, knees[k].to));
        any = true;
    }
    return any;
}

/* --- ratios ------------------------------------------------------------------------------------
 */

struct timed {
    size_t n;
    double bytes, hops, *seconds, *round; /* owned */
};
struct timed_curve {
    const char *curve;
    size_t count;
    struct timed point[LADDER_MOST];
};

static int read_samples(void *context, const json_t *record) {
    struct timed_curve *c = context;
    if (strcmp(record_text(record, "curve"), c->curve) != 0 || c->count == LADDER_MOST)
        return 0;
    const json_t *time = case_series(record, "time"), *round = case_series(record, "round");
    struct timed *p = &c->point[c->count++];
    size_t n = case_series_length(time);
    *p = (struct timed){.bytes = record_param(record, "range"),
                        .hops = record_counter(record, "hops"),
                        .seconds = malloc((n + 1) * sizeof *p->seconds),
                        .round = malloc((n + 1) * sizeof *p->round)};
    if (!p->seconds || !p->round || case_series_length(round) != n)
        return -1;
    for (size_t k = 0; k < n; k++) {
        p->seconds[k] = case_series_real_at(time, k);
        p->round[k] = case_series_real_at(round, k);
    }
    p->n = n;
    return 0;
}

/* -1: the points share no round. */
static int pair_points(const struct timed *a, const struct timed *b, struct ladder_ratio *out) {
    struct stats_interval interval;
    double *x = malloc((a->n + 1) * sizeof *x), *y = malloc((a->n + 1) * sizeof *y);
    size_t pairs = 0;
    for (size_t i = 0, j = 0; x && y && i < a->n && j < b->n;) {
        if (a->round[i] == b->round[j]) {
            x[pairs] = a->seconds[i++] / a->hops;
            y[pairs++] = b->seconds[j++] / b->hops;
        } else if (a->round[i] < b->round[j]) {
            i++;
        } else {
            j++;
        }
    }
    int status = pairs ? stats_paired_ratio_interval(x, y, pairs, 0.95, 1, &interval) : -1;
    if (status == 0)
        *out = (struct ladder_ratio){a->bytes, interval.value, interval.low, interval.high};
    free(x);
    free(y);
    return status;
}

static void curve_close(struct timed_curve *c) {
    for (size_t k = 0; c && k < c->count; k++) {
        free(c->point[k].seconds);
        free(c->point[k].round);
    }
    free(c);
}

size_t ladder_ratios(struct lab_run *run, const char *device_id, const char *a, const char *b,
                     struct ladder_ratio out[LADDER_MOST]) {
    struct timed_curve *x = calloc(1, sizeof *x), *y = calloc(1, sizeof *y);
    size_t count = 0;
    if (x && y) {
        x->curve = a;
        y->curve = b;
        if (lab_cases(run, "04/ladder/", device_id, read_samples, x) == 0 &&
            lab_cases(run, "04/ladder/", device_id, read_samples, y) == 0)
            for (size_t i = 0; i < x->count; i++)
                for (size_t j = 0; j < y->count; j++)
                    if (x->point[i].bytes == y->point[j].bytes && count < LADDER_MOST)
                        count += pair_points(&x->point[i], &y->point[j], &out[count]) == 0;
    }
    curve_close(x);
    curve_close(y);
    return count;
}
