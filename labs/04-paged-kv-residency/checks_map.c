/*
 * checks_map.c: K5, the replicas, K6, the lanes, and K8, the waste, judged from what was recorded.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "labs/04-paged-kv-residency/map_side.h"

static int not_testable(struct finding *finding, const char *why) {
    finding->verdict = VERDICT_NOT_TESTABLE;
    snprintf(finding->reason, sizeof finding->reason, "%s", why);
    return 0;
}

static int cite(void *finding, const json_t *record) {
    finding_evidence(finding, record_id(record));
    return 0;
}

/* --- K5 ----------------------------------------------------------------------------------------
 *
 * Refuted by a variance between maps that swapping the samples of a round among the maps gives as
 * well, where noise is low enough to see a slowest map that takes 5 % longer than the fastest. If
 * noise is higher than that, nothing is shown: bounded. If the variance is more than noise, but the
 * slowest is within 5 % of the fastest (or within what noise gives), the effect is real and small:
 * bounded, too.
 */

#define REGIME 1.05 /* slowest over fastest from which on a map is another regime */
#define CHANCE 0.01

/* The largest ratio between a replica and its twin: the same table, measured as another case. */
static double twins_apart(const struct replica_set *maps, const struct replica_set *twins) {
    double worst = 1;
    for (size_t t = 0; t < twins->count; t++)
        for (size_t m = 0; m < maps->count; m++)
            if (strcmp(twins->of[t].name, maps->of[m].name) == 0)
                worst = fmax(worst, exp(fabs(log(twins->of[t].median / maps->of[m].median))));
    return worst;
}

/* Policies differ between engines. What one engine's replicas differ by is seed and age alone: the
 * same is asked again of those with vLLM's policy. */
#define ONE_POLICY "fifo"

struct arm {
    struct replica_finding found, one_policy;
    double twins;
    bool there;
};

static void of_one_policy(const struct replica_set *all, struct replica_set *out) {
    *out = (struct replica_set){0};
    for (size_t k = 0; k < all->count; k++)
        if (strcmp(all->of[k].policy, ONE_POLICY) == 0)
            out->of[out->count++] = all->of[k]; /* borrowed */
}

static int judge_arm(struct lab_run *run, const char *device_id, const char *pages,
                     struct arm *arm) {
    struct replica_set maps = {0}, twins = {0};
    *arm = (struct arm){0};
    int status = replica_read(run, device_id, pages, "churned", &maps);
    if (status == 0)
        status = replica_read(run, device_id, pages, "twin", &twins);
    if (status == 0 && maps.count > 0) {
        struct replica_set one = {0};
        of_one_policy(&maps, &one);
        arm->there = replica_judge(&maps, 1, &arm->found) == 0 &&
                     replica_judge(&one, 1, &arm->one_policy) == 0;
        arm->twins = twins_apart(&maps, &twins);
    }
    replica_set_close(&maps);
    replica_set_close(&twins);
    return status ? lab_error(run, "the recorded replicas on %s cannot be read", device_id) : 0;
}

static bool differ(const struct replica_finding *f) {
    return f->p <= CHANCE;
}
static bool another_regime(const struct replica_finding *f) {
    return differ(f) && f->apart >= fmax(REGIME, f->apart_by_chance);
}

static void tell_arm(struct finding *finding, const char *pages, const struct arm *arm) {
    const struct replica_finding *f = &arm->found, *one = &arm->one_policy;
    size_t used = strlen(finding->statement);
    snprintf(
        finding->statement + used, sizeof finding->statement - used,
        "%spages %s: step times of %zu maps p50 %.2f, p95 %.2f, p99 %.2f ms; the slowest takes "
        "%.2f times the fastest (noise alone up to %.2f, the same maps again %.2f), p %.3f; "
        "among " ONE_POLICY "'s maps %.2f times (noise %.2f), p %.3f; distinct pages and runs "
        "explain %.0f %% of the variance (95 %% in %.0f to %.0f)",
        used ? "; " : "", pages, f->maps, f->p50 * 1e3, f->p95 * 1e3, f->p99 * 1e3, f->apart,
        f->apart_by_chance, arm->twins, f->p, one->apart, one->apart_by_chance, one->p, 100 * f->r2,
        100 * f->r2_low, 100 * f->r2_high);
    used = strlen(finding->range);
    snprintf(finding->range + used, sizeof finding->range - used,
             "%spages %s: %s between all maps, %s between those of " ONE_POLICY, used ? "; " : "",
             pages,
             another_regime(f) ? "another regime"
             : differ(f)       ? "more than noise"
                               : "not told from noise",
             another_regime(one) ? "another regime"
             : differ(one)       ? "more than noise"
                                 : "not told from noise");
}

int check_replicas(struct lab_run *run, const char *device_id, struct finding *finding) {
    static const char *const pages[] = {"4k", "2m", "any"};
    size_t real = 0, regimes = 0, blind = 0;
    for (size_t k = 0; k < 3; k++) {
        struct arm arm;
        if (judge_arm(run, device_id, pages[k], &arm) != 0)
            return -1;
        if (!arm.there)
            continue;
        const struct replica_finding *both[] = {&arm.found, &arm.one_policy};
        for (size_t b = 0; b < 2; b++) {
            finding->checked++;
            real += differ(both[b]);
            regimes += another_regime(both[b]);
            blind += !differ(both[b]) && both[b]->apart_by_chance >= REGIME;
        }
        tell_arm(finding, pages[k], &arm);
    }
    if (finding->checked == 0)
        return not_testable(finding, "no steps over replicas' maps were timed on this device: run "
                                     "with --device cpu, or cuda on a GPU");
    lab_cases(run, "04/replica/", device_id, cite, finding);
    finding->held = real;
    finding->verdict = regimes == finding->checked ? VERDICT_CONFIRMED
                       : real > 0 || blind > 0     ? VERDICT_BOUNDED
                                                   : VERDICT_REFUTED;
    if (finding->verdict != VERDICT_BOUNDED)
        finding->range[0] = '\0';
    return 0;
}

/* --- K6 ----------------------------------------------------------------------------------------
 *
 * One cold lane among n, the others hot. If the warp waits for its slowest lane, a hop costs what a
 * cold hop costs: share 1. If lanes only paid for themselves, it would cost the mean of the lanes:
 * share 1/n. The claim is refuted where the share, at the bad end of its interval, is below a half.
 */

struct hop {
    double ns, low, high;
};
struct lanes {
    unsigned lanes, cold;
    const char *joined;
    struct hop hop;
    bool there;
};

static int read_lanes(void *context, const json_t *record) {
    struct lanes *l = context;
    if (record_param(record, "lanes") == l->lanes && record_param(record, "cold") == l->cold &&
        strcmp(record_text(record, "joined"), l->joined) == 0) {
        l->hop = (struct hop){record_counter(record, "ns per hop"),
                              record_counter(record, "ns low"), record_counter(record, "ns high")};
        l->there = true;
    }
    return 0;
}

static bool hop_of(struct lab_run *run, const char *device_id, unsigned lanes, unsigned cold,
                   const char *joined, struct hop *out) {
    struct lanes l = {.lanes = lanes, .cold = cold, .joined = joined};
    lab_cases(run, "04/lanes/", device_id, read_lanes, &l);
    *out = l.hop;
    return l.there;
}

int check_lanes(struct lab_run *run, const char *device_id, struct finding *finding) {
    static const unsigned widths[] = {8, 32};
    bool gpu = strncmp(device_id, "cuda", 4) == 0;
    struct hop alone, hot, one, all, apart;
    size_t used = 0;
    if (!hop_of(run, device_id, 1, 1, "joined", &alone))
        return not_testable(finding, "no chases with hot and cold lanes were timed on this device: "
                                     "run with --device cpu, or cuda on a GPU");
    for (size_t w = 0; w < 2; w++) {
        unsigned n = widths[w];
        if (!hop_of(run, device_id, n, 0, "joined", &hot) ||
            !hop_of(run, device_id, n, 1, "joined", &one) ||
            !hop_of(run, device_id, n, n, "joined", &all))
            continue;
        double cost = alone.ns - hot.ns, share = (one.ns - hot.ns) / cost;
        double least = (one.low - hot.high) / (alone.high - hot.low);
        finding->checked++;
        finding->held += cost > 0 && least > 0.5;
        used += (size_t)snprintf(
            finding->statement + used, sizeof finding->statement - used,
            "%s%u lanes: a hop takes %.1f ns all hot, %.1f with one cold, %.1f with all cold, and "
            "%.1f in one cold lane alone: one cold lane costs all of them %.2f of a cold hop, at "
            "least %.2f (%.2f if each paid for itself)",
            used ? "; " : "", n, hot.ns, one.ns, all.ns, alone.ns, share, least, 1.0 / n);
        if (hop_of(run, device_id, n, n, "free", &apart))
            used += (size_t)snprintf(finding->statement + used, sizeof finding->statement - used,
                                     "; not joined, all cold: %.1f ns", apart.ns);
    }
    if (finding->checked == 0)
        return not_testable(finding, "the chases with hot and cold lanes are not complete");
    lab_cases(run, "04/lanes/", device_id, cite, finding);
    finding->verdict = finding->held == 0                         ? VERDICT_REFUTED
                       : gpu && finding->held == finding->checked ? VERDICT_CONFIRMED
                                                                  : VERDICT_BOUNDED;
    if (finding->verdict == VERDICT_BOUNDED)
        snprintf(finding->range, sizeof finding->range,
                 gpu ? "%llu of %llu numbers of lanes"
                     : "%llu of %llu numbers of chains, joined by the program, which stand for the "
                       "lanes that a GPU joins by itself; a CPU has no warps",
                 (unsigned long long)finding->held, (unsigned long long)finding->checked);
    return 0;
}

/* --- K8 ----------------------------------------------------------------------------------------
 *
 * On one trace and in equal memory. Refuted by a paged allocator that refuses a request although
 * enough slots are free in all, or wastes a block per sequence; or by a contiguous one that wastes
 * nothing inside, or nothing outside.
 */

struct waste {
    struct finding *finding;
    char device[64];
    size_t paged, paged_held, contiguous, inside, outside;
    double paged_inner, paged_slots, block, inner, outer, outer_worst, tokens_paged, tokens_slab;
};

static double at(const json_t *record, const char *series, size_t k) {
    return case_series_real_at(case_series(record, series), k);
}

static int count_waste(void *context, const json_t *record) {
    struct waste *w = context;
    size_t seeds = case_series_length(case_series(record, "inner_mean"));
    bool paged = record_param(record, "paged") == 1;
    w->block = record_param(record, "block tokens");
    for (size_t k = 0; k < seeds; k++) {
        double inner = at(record, "inner_mean", k), outer = at(record, "outer_mean", k);
        if (paged) {
            w->paged++;
            w->paged_held += at(record, "outer_worst", k) == 0 && outer == 0 &&
                             at(record, "refused_by_holes", k) == 0 &&
                             at(record, "inner_per_sequence", k) < w->block;
            w->paged_inner = fmax(w->paged_inner, inner);
            w->paged_slots = fmax(w->paged_slots, at(record, "inner_per_sequence", k));
            w->tokens_paged += at(record, "tokens_mean", k) / (double)seeds;
        } else {
            w->contiguous++;
            w->inside += inner > 0;
            w->outside += outer > 0;
            w->inner += inner;
            w->outer += outer;
            w->outer_worst = fmax(w->outer_worst, at(record, "outer_worst", k));
            w->tokens_slab += at(record, "tokens_mean", k);
        }
    }
    if (w->finding)
        finding_evidence(w->finding, record_id(record));
    snprintf(w->device, sizeof w->device, "%s", record_device(record));
    return 0;
}

int check_waste(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct waste w = {.finding = finding}, elsewhere = {0};
    lab_cases(run, "04/waste/", device_id, count_waste, &w);
    if (w.paged == 0 || w.contiguous == 0) {
        lab_cases(run, "04/waste/", NULL, count_waste, &elsewhere);
        finding->verdict = VERDICT_NOT_TESTABLE;
        snprintf(finding->reason, sizeof finding->reason,
                 "the waste of an allocator does not depend on the device: %s%s",
                 elsewhere.device[0] ? "judged on " : "no device was there to record it for",
                 elsewhere.device);
        return 0;
    }
    double n = (double)w.contiguous;
    finding->checked = w.paged + 2 * w.contiguous;
    finding->held = w.paged_held + w.inside + w.outside;
    if (w.paged_held != w.paged || w.inside == 0 || w.outside == 0) {
        finding->verdict = VERDICT_REFUTED;
    } else if (w.inside + w.outside < 2 * w.contiguous) {
        finding->verdict = VERDICT_BOUNDED;
        snprintf(finding->range, sizeof finding->range,
                 "contiguous ranges wasted inside in %zu and outside in %zu of %zu traces",
                 w.inside, w.outside, w.contiguous);
    } else {
        finding->verdict = VERDICT_CONFIRMED;
    }
    snprintf(finding->statement, sizeof finding->statement,
             "contiguous ranges (first fit, best fit; %zu traces): %.1f %% of the slots taken hold "
             "no token, and %.1f %% of all slots are free in holes too small for the request that "
             "waits (worst moment %.1f %%); blocks of %.0f: outside 0 in %zu of %zu traces, inside "
             "at most %.2f %% or %.1f slots per sequence; tokens fill %.0f %% of memory against "
             "%.0f %%",
             w.contiguous, 100 * w.inner / n, 100 * w.outer / n, 100 * w.outer_worst, w.block,
             w.paged_held, w.paged, 100 * w.paged_inner, w.paged_slots, 100 * w.tokens_paged,
             100 * w.tokens_slab / n);
    return 0;
}
