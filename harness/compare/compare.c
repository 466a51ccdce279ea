/*
 * compare.c: two sides joined, case by case and claim by claim (compare.h).
 */
#include "harness/compare/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_question.h"
#include "harness/error.h"
#include "harness/page/report.h"
#include "harness/text.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

const char *compare_bits_name(enum compare_bits bits) {
    static const char *const names[] = {"none", "equal", "differ", "vary", "arrival"};
    return names[bits];
}

bool compare_bits_vary(const struct compare_case *c) {
    return c->bits_vary || c->arrival.decides;
}

/* --- which cases belong together ---------------------------------------------------------------
 */

bool compare_same_kind(const char *a, const char *b) {
    size_t n = strcspn(a, ":");
    return n == strcspn(b, ":") && strncmp(a, b, n) == 0;
}

/* Cases of one id: [first, first + count). */
struct span {
    const struct compare_case *first;
    size_t count;
};

static struct span span_at(const struct compare_side *side, size_t at) {
    struct span s = {side->cases + at, 0};
    while (at + s.count < side->count && strcmp(s.first[s.count].id, s.first->id) == 0)
        s.count++;
    return s;
}

static struct compare_pair *add_pair(struct compare *c, const struct compare_case *first,
                                     const struct compare_case *second) {
    c->pairs[c->count] = (struct compare_pair){.first = first, .second = second};
    return &c->pairs[c->count++];
}

/* 2: one device, 1: one kind of it, 0: whatever they are. */
static bool are_alike(const char *a, const char *b, int how) {
    return how == 2 ? strcmp(a, b) == 0 : how == 0 || compare_same_kind(a, b);
}

/* First by devices, then by their kinds, then what is left in order. Sides have few devices: bits
 * of a set. */
static void join_span(struct compare *c, struct span a, struct span b) {
    uint64_t used_a = 0, used_b = 0;
    size_t most_a = a.count < 64 ? a.count : 64, most_b = b.count < 64 ? b.count : 64;
    for (int alike = 2; alike >= 0; alike--)
        for (size_t i = 0; i < most_a; i++)
            for (size_t j = 0; j < most_b; j++)
                if (!(used_a >> i & 1) && !(used_b >> j & 1) &&
                    are_alike(a.first[i].device, b.first[j].device, alike)) {
                    add_pair(c, &a.first[i], &b.first[j]);
                    used_a |= (uint64_t)1 << i;
                    used_b |= (uint64_t)1 << j;
                }
    for (size_t i = 0; i < a.count; i++)
        c->only[0] += i >= 64 || !(used_a >> i & 1);
    for (size_t j = 0; j < b.count; j++)
        c->only[1] += j >= 64 || !(used_b >> j & 1);
}

static void join(struct compare *c) {
    size_t i = 0, j = 0;
    while (i < c->first->count || j < c->second->count) {
        int order = i == c->first->count    ? 1
                    : j == c->second->count ? -1
                                            : strcmp(c->first->cases[i].id, c->second->cases[j].id);
        struct span a = order <= 0 ? span_at(c->first, i) : (struct span){0};
        struct span b = order >= 0 ? span_at(c->second, j) : (struct span){0};
        join_span(c, a, b);
        i += a.count;
        j += b.count;
    }
}

/* --- whether they did the same -----------------------------------------------------------------
 */

/* Names come from strangers; a field that differs is never "". */
static void set_field(struct compare_pair *p, const char *group, const char *name) {
    char all[2 * COMPARE_FIELD_BYTES];
    snprintf(all, sizeof all, "%s%.80s", group, *name ? name : "(empty name)");
    text_plain(p->field, sizeof p->field, all);
}

/* In which pages a CPU's data lie is part of what was timed: their size, and whether large ones can
 * be had at all. Where a case leaves them to the system, the system's word counts. */
static const char *page_field(const struct compare *c, const struct compare_pair *p) {
    const json_t *a = json_object_get(c->first->run, "machine");
    const json_t *b = json_object_get(c->second->run, "machine");
    const json_t *size[] = {json_object_get(a, "page_bytes"), json_object_get(b, "page_bytes")};
    const char *large[] = {json_string_value(json_object_get(a, "transparent_huge_pages")),
                           json_string_value(json_object_get(b, "transparent_huge_pages"))};
    if (strcmp(p->first->device, "cpu") != 0 || p->first->timed == 0 || p->second->timed == 0 ||
        p->first->pages == COMPARE_PAGES_OWN)
        return NULL;
    if (json_is_integer(size[0]) && json_is_integer(size[1]) && !json_equal(size[0], size[1]))
        return "page_bytes";
    if (!large[0] || !large[1] || strcmp(large[0], large[1]) == 0)
        return NULL;
    bool never = strcmp(large[0], "never") == 0 || strcmp(large[1], "never") == 0;
    return never || p->first->pages == COMPARE_PAGES_ANY ? "transparent_huge_pages" : NULL;
}

static void find_field(const struct compare *c, struct compare_pair *p) {
    const char *group, *name;
    name = p->first->settings && p->second->settings
               ? compare_settings_differ(p->first->settings, p->second->settings, &group)
               : NULL;
    if (name)
        set_field(p, group, name);
    if (!p->field[0] && p->first->throttled != p->second->throttled)
        set_field(p, "", "throttled clocks");
    if (!p->field[0] && !compare_same_kind(p->first->device, p->second->device))
        set_field(p, "", "kind of device");
    name = p->field[0] ? NULL : page_field(c, p);
    if (name)
        set_field(p, "machine.", name);
}

/* --- one pair ----------------------------------------------------------------------------------
 */

static enum compare_bits bits_of(const struct compare_case *a, const struct compare_case *b) {
    bool vary = a->bits_vary || b->bits_vary, same_rest;
    if (!a->has_bits || !b->has_bits)
        return COMPARE_NO_BITS;
    if (!vary && a->bits == b->bits)
        return COMPARE_BITS_EQUAL;
    if (compare_arrival_decides(&a->arrival, &b->arrival, &same_rest)) {
        if (same_rest)
            return COMPARE_BITS_ARRIVAL;
        vary = a->arrival.fixed_varies || b->arrival.fixed_varies;
    }
    return vary ? COMPARE_BITS_VARY : COMPARE_BITS_DIFFER;
}

static void compare_bits_of(struct compare *c, struct compare_pair *p) {
    p->bits = bits_of(p->first, p->second);
    c->bits_equal += p->bits == COMPARE_BITS_EQUAL;
    c->bits_differ += p->bits == COMPARE_BITS_DIFFER;
    c->bits_vary += p->bits == COMPARE_BITS_VARY;
    c->bits_arrival += p->bits == COMPARE_BITS_ARRIVAL;
}

static void compare_pair_of(struct compare *c, struct compare_pair *p,
                            const struct compare_band *bands) {
    const struct compare_band *band = bands ? bands + (p->first - c->first->cases) : NULL;
    p->normalised = RATIO_NONE;
    find_field(c, p);
    compare_bits_of(c, p);
    compare_times(p->first->times, p->first->timed, p->second->times, p->second->timed, band,
                  &c->rule, &p->times);
    /* Fractions of a roof are speeds. */
    if (p->times.reason != COMPARE_NO_TIME)
        p->normalised.value = p->first->roof / p->second->roof;
    if (p->times.reason == COMPARE_NO_TIME)
        return;
    bool busy = c->loads.unlike && strcmp(p->first->device, "cpu") == 0 &&
                strcmp(p->second->device, "cpu") == 0;
    if (!p->field[0] && !busy)
        return;
    p->times.verdict = COMPARE_NOT_COMPARABLE;
    p->times.reason = p->field[0] ? COMPARE_FIELD : COMPARE_BUSY;
    p->times.chance = NAN;
    p->times.more = 0; /* no number of sessions makes them comparable */
    c->busy += p->times.reason == COMPARE_BUSY;
}

/* False discoveries are those of all cases together. */
static int settle(struct compare *c) {
    struct compare_times *times = calloc(c->count + 1, sizeof *times);
    double *ratios = malloc((2 * c->count + 1) * sizeof *ratios), *normalised = ratios + c->count;
    size_t n = 0, m = 0;
    int status = times && ratios ? 0 : short_of_memory();
    for (size_t k = 0; status == 0 && k < c->count; k++)
        times[k] = c->pairs[k].times;
    if (status == 0 && compare_settle(times, c->count, &c->rule) != 0)
        status = short_of_memory();
    for (size_t k = 0; status == 0 && k < c->count; k++) {
        struct compare_pair *p = &c->pairs[k];
        p->times = times[k];
        if (p->times.reason == COMPARE_NO_TIME && p->first->timed == p->second->timed)
            continue; /* no case of time */
        c->verdicts[p->times.verdict]++;
        c->timed += p->times.reason != COMPARE_NO_TIME;
        if (p->times.verdict == COMPARE_NOT_COMPARABLE)
            continue;
        ratios[n++] = p->times.ratio.value;
        if (isfinite(p->normalised.value))
            normalised[m++] = p->normalised.value;
    }
    if (status == 0) {
        c->mean = compare_mean(ratios, n);
        c->normalised_mean = compare_mean(normalised, m);
    }
    free(times);
    free(ratios);
    return status;
}

/* --- machines ----------------------------------------------------------------------------------
 */

/* What was so when a run began, and differs between any two; and reasons for what is missing. */
static bool is_momentary(const char *name) {
    static const char *const names[] = {"load_1min", "clock_step_seconds", "missing"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(name, names[k]) == 0)
            return true;
    return false;
}

static void path_of(char out[200], const char *path, const char *name) {
    snprintf(out, 200, "%.120s%s%.60s", path, *path ? "." : "", name);
}

/* NULL: that side has none. */
static int add_difference(json_t *out, const char *path, json_t *a, json_t *b) {
    return json_array_append_new(
        out, json_pack("{s:o, s:[O?, O?]}", "field", text_json(path), "values", a, b));
}

/* Members of a provenance record that are not equal, or that one side alone has, by their paths. */
static int add_differences(json_t *out, json_t *a, json_t *b, const char *path, int depth) {
    const char *name;
    json_t *value;
    char inner[200];
    int status = 0;
    if (!json_is_object(a) || !json_is_object(b)) /* another tool's file says nothing of it */
        return 0;
    json_object_foreach(a, name, value) {
        json_t *other = json_object_get(b, name);
        path_of(inner, path, name);
        if (json_equal(value, other) || is_momentary(name))
            continue;
        if (json_is_object(value) && json_is_object(other) && depth > 0)
            status = add_differences(out, value, other, inner, depth - 1);
        else
            status = add_difference(out, inner, value, other);
        if (status != 0)
            return short_of_memory();
    }
    json_object_foreach(b, name, value) {
        path_of(inner, path, name);
        if (!json_object_get(a, name) && !is_momentary(name) &&
            add_difference(out, inner, NULL, value) != 0)
            return short_of_memory();
    }
    return 0;
}

/* Whose matrix instructions the SIMT machine computes: the one thing that a run is asked for and
 * that makes it another device. */
static int add_card(struct compare *c) {
    const char *a = report_card(c->first->run), *b = report_card(c->second->run);
    if (!a || !b || strcmp(a, b) == 0)
        return 0;
    return json_array_append_new(c->differences, json_pack("{s:s, s:[s, s]}", "field", "simt_card",
                                                           "values", a, b)) == 0
               ? 0
               : short_of_memory();
}

static int compare_code_of(struct compare *c) {
    const char *lab;
    json_t *hash;
    json_object_foreach(c->first->code, lab, hash) {
        const json_t *other = json_object_get(c->second->code, lab);
        if (!json_is_string(hash) || !json_is_string(other))
            continue;
        if (!json_equal(hash, other) && json_array_append_new(c->other_code, json_string(lab)) != 0)
            return short_of_memory();
    }
    if (compare_code_pairs(c) != 0)
        return short_of_memory();
    c->same_code = c->count > 0 && c->code[COMPARE_CODE_EQUAL] == c->count;
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

int compare_open(struct compare *c, const struct compare_side *first,
                 const struct compare_side *second, const struct compare_rule *rule,
                 const struct compare_band *bands) {
    size_t most = first->count < second->count ? first->count : second->count;
    *c = (struct compare){.first = first,
                          .second = second,
                          .rule = *rule,
                          .pairs = calloc(most + 1, sizeof *c->pairs),
                          .claims = json_array(),
                          .other_code = json_array(),
                          .differences = json_array()};
    if (!c->pairs || !c->claims || !c->other_code || !c->differences)
        return short_of_memory();
    c->loads = compare_loads(first->loads, first->load_count, second->loads, second->load_count);
    join(c);
    for (size_t k = 0; k < c->count; k++)
        compare_pair_of(c, &c->pairs[k], bands);
    if (settle(c) != 0 || compare_code_of(c) != 0 || compare_questions_find(c) != 0)
        return -1;
    if (compare_claims_join(c->claims, first->claims, second->claims) != 0)
        return short_of_memory();
    static const char *const groups[] = {"machine", "software"};
    for (size_t g = 0; g < 2; g++)
        if (add_differences(c->differences, json_object_get(first->run, groups[g]),
                            json_object_get(second->run, groups[g]), groups[g], 3) != 0)
            return -1;
    return add_card(c);
}

void compare_close(struct compare *c) {
    compare_explained_free(c);
    compare_questions_free(c);
    free(c->pairs);
    json_decref(c->claims);
    json_decref(c->other_code);
    json_decref(c->differences);
    compare_code_pairs_close(c);
    c->pairs = NULL;
    c->claims = c->other_code = c->differences = NULL;
}

static const struct compare_case *case_like(const struct compare_side *side,
                                            const struct compare_case *like) {
    size_t low = 0, high = side->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct compare_case *c = &side->cases[middle];
        int order = strcmp(c->id, like->id);
        if (order == 0)
            order = strcmp(c->device, like->device);
        if (order == 0)
            return c;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct compare_band *compare_bands(const struct compare_side *first,
                                   const struct compare_side *const *sides, size_t count) {
    struct compare_band *bands = calloc(first->count + 1, sizeof *bands);
    if (!bands) {
        short_of_memory();
        return NULL;
    }
    for (size_t k = 0; k < first->count; k++) {
        double sum = 0, squares = 0, n = 0;
        for (size_t s = 0; s < count; s++) {
            const struct compare_case *c = case_like(sides[s], &first->cases[k]);
            for (size_t m = 0; c && m < c->timed; m++, n++) {
                double x = log(c->times[m].low);
                sum += x;
                squares += x * x;
            }
        }
        if (n > 1)
            bands[k] =
                (struct compare_band){sqrt(fmax(0, squares - sum * sum / n) / (n - 1)), (size_t)n};
    }
    return bands;
}
