/*
 * compare_explain.c: see compare_explain.h.
 */
#include "harness/compare/compare_explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_answer.h"
#include "harness/compare/compare_pick.h"
#include "harness/error.h"
#include "harness/text.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

const char *compare_reason_advice(enum compare_reason reason) {
    switch (reason) {
    case COMPARE_INSIDE:
        return "nothing is to be done: the two take the same time, as far as that counts here";
    case COMPARE_SMALL:
        return "nothing is to be done, unless so small a difference counts for you: then measure "
               "more sessions of both";
    case COMPARE_APART:
        return "look at the histograms and at what differs: samples that moved together speak for "
               "the code or the clock, a second hump for something that happens now and then";
    case COMPARE_WIDE:
        return "measure more sessions a side (nanolab run --sessions), on a machine that does "
               "nothing else: the spread between sessions hides what there may be";
    case COMPARE_MANY:
        return "measure more sessions a side: a difference that is real then stands out among this "
               "many cases, one by chance goes away";
    case COMPARE_ONE_SESSION:
        return "measure several sessions of each side (nanolab run --sessions 5), or name runs of "
               "one unchanged machine with --calibrate DIR,DIR,...";
    case COMPARE_NO_TIME:
        return "run the part that measures time on the side that has none (--only bits leaves it "
               "out, and simt measures no time)";
    case COMPARE_FIELD:
        return "measure both sides with the same settings, or take the two as two cases: the field "
               "that differs is named";
    case COMPARE_BUSY:
        return compare_loads_advice;
    case COMPARE_REASON_COUNT:
        break;
    }
    return "";
}

/* --- which case is meant -----------------------------------------------------------------------
 */

#define LISTED 4
#define LABEL_BYTES 480

/* "01/sum/n=1 (cpu)", as it is listed. */
static const char *label_of(const struct compare_pair *p, char out[LABEL_BYTES]) {
    bool same = strcmp(p->first->device, p->second->device) == 0;
    snprintf(out, LABEL_BYTES, "%.400s (%s%s%s)", p->first->id, p->first->device, same ? "" : ", ",
             same ? "" : p->second->device);
    return out;
}

enum fit { FITS_NOT, FITS_IN_PART, FITS };

static enum fit fit_of(const struct compare_pair *p, const char *name) {
    char label[LABEL_BYTES];
    label_of(p, label);
    if (strcmp(p->first->id, name) == 0 || strcmp(label, name) == 0)
        return FITS;
    return strstr(label, name) ? FITS_IN_PART : FITS_NOT;
}

/* How many of a name's parts between slashes occur in an id. */
static size_t parts_in(const char *id, const char *name) {
    size_t count = 0;
    while (*name) {
        char part[100];
        size_t n = strcspn(name, "/ ");
        snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1), name);
        count += n > 0 && strstr(id, part);
        name += n + (name[n] != '\0');
    }
    return count;
}

static size_t gap(size_t a, size_t b) {
    return a > b ? a - b : b - a;
}

static const struct compare_pair *nearest(const struct compare *c, const char *name) {
    const struct compare_pair *best = NULL;
    size_t most = 0, length = strlen(name);
    for (size_t k = 0; k < c->count; k++) {
        const char *id = c->pairs[k].first->id;
        size_t parts = parts_in(id, name);
        if (parts == 0 || parts < most)
            continue;
        if (parts > most || gap(strlen(id), length) < gap(strlen(best->first->id), length))
            best = &c->pairs[k];
        most = parts;
    }
    return best;
}

/* The case of that id which one side alone has, and whether that is B; NULL: none has. */
static const struct compare_case *alone(const struct compare *c, const char *name, bool *second) {
    const struct compare_side *sides[] = {c->first, c->second};
    for (size_t s = 0; s < 2; s++)
        for (size_t k = 0; k < sides[s]->count; k++)
            if (strcmp(sides[s]->cases[k].id, name) == 0) {
                *second = s == 1;
                return &sides[s]->cases[k];
            }
    return NULL;
}

/* Its question may have been answered by other plans. */
static int refuse_alone(const struct compare *c, const struct compare_case *one, bool second,
                        const char *shown) {
    const struct compare_others others = compare_others_of(c, one, second);
    char near[LABEL_BYTES];
    if (others.count == 0)
        return error_set(
            "--explain %s: %c alone has this case, so that there is nothing to compare "
            "it with",
            shown, second ? 'B' : 'A');
    text_plain(near, sizeof near, others.such_as->id);
    return error_set("--explain %s: %c alone has this case; %c answers its question by %zu other "
                     "plan%s, with equal bits by %zu, such as %s (%s)",
                     shown, second ? 'B' : 'A', second ? 'A' : 'B', others.count,
                     others.count == 1 ? "" : "s", others.equal, near, others.such_as->device);
}

static int refuse_none(const struct compare *c, const char *name) {
    char shown[200], near[LABEL_BYTES], label[LABEL_BYTES];
    bool second = false;
    const struct compare_case *one = alone(c, name, &second);
    text_plain(shown, sizeof shown, name);
    if (one)
        return refuse_alone(c, one, second, shown);
    const struct compare_pair *p = nearest(c, name);
    if (!p)
        return error_set("--explain %s: no case has this in its id; give a part of one that is "
                         "listed, or take it from --json",
                         shown);
    text_plain(near, sizeof near, label_of(p, label));
    return error_set("--explain %s: no case has this in its id; the nearest is %s", shown, near);
}

static int refuse_several(const struct compare *c, const char *name, enum fit least, size_t fits) {
    char shown[200], list[LISTED * 130] = "", label[LABEL_BYTES], plain[120];
    size_t n = 0;
    text_plain(shown, sizeof shown, name);
    for (size_t k = 0; k < c->count && n < LISTED; k++) {
        if (fit_of(&c->pairs[k], name) < least)
            continue;
        text_plain(plain, sizeof plain, label_of(&c->pairs[k], label));
        strcat(strcat(list, n++ ? "; " : ""), plain);
    }
    return error_set("--explain %s: %zu cases have this in their ids: %s%s; give more of the one",
                     shown, fits, list, fits > n ? "; ..." : "");
}

int compare_find(const struct compare *c, const char *name, const struct compare_pair **pair) {
    size_t fits[FITS + 1] = {0};
    enum fit best = FITS_NOT;
    for (size_t k = 0; k < c->count; k++) {
        enum fit fit = fit_of(&c->pairs[k], name);
        if (fit > best) {
            best = fit;
            *pair = &c->pairs[k];
        }
        fits[fit]++;
    }
    if (best == FITS_NOT)
        return refuse_none(c, name);
    return fits[best] == 1 ? 0 : refuse_several(c, name, best, fits[best]);
}

/* --- what there is to say ----------------------------------------------------------------------
 */

static int threshold_of(struct compare_explained *e) {
    const struct compare *c = e->c;
    double *chances = malloc((c->count + 1) * sizeof *chances);
    size_t n = 0;
    if (!chances)
        return short_of_memory();
    for (size_t k = 0; k < c->count; k++)
        if (!isnan(c->pairs[k].times.chance))
            chances[n++] = c->pairs[k].times.chance;
    e->threshold = compare_threshold(chances, n, c->rule.rate);
    free(chances);
    return 0;
}

/* The first series of both that is a tree and not the same. */
static int find_trees(struct compare_explained *e) {
    const char *name;
    json_t *a;
    json_object_foreach(e->samples[0].trees, name, a) {
        const char *b = json_string_value(json_object_get(e->samples[1].trees, name));
        if (!b || strcmp(b, json_string_value(a)) == 0)
            continue;
        int status = compare_trees(json_string_value(a), b, &e->trees);
        e->has_trees = status == 0 && e->trees.tree[0].under > 0;
        return status < 0 ? short_of_memory() : 0;
    }
    return 0;
}

static int explain(struct compare_explained *e) {
    int status = threshold_of(e);
    if (status == 0)
        status = compare_histogram(&e->samples[0], &e->samples[1], COMPARE_BINS, &e->histogram);
    if (e->pair->bits == COMPARE_BITS_DIFFER)
        e->cells = compare_cells(e->samples[0].cells, e->samples[1].cells);
    if (status == 0 && e->pair->bits == COMPARE_BITS_DIFFER)
        status = find_trees(e);
    return status;
}

/* Of one side, all cases at once. */
static int read_side(struct compare_explained *list, size_t count, size_t which,
                     const struct compare_side *side) {
    struct compare_samples *samples[COMPARE_EXPLAINED_MOST];
    const struct compare_case *cases[COMPARE_EXPLAINED_MOST];
    for (size_t k = 0; k < count; k++) {
        samples[k] = &list[k].samples[which];
        cases[k] = which == 0 ? list[k].pair->first : list[k].pair->second;
    }
    return compare_samples_read(samples, cases, count, side);
}

int compare_explain_add(struct compare *c, const struct compare_pair *const *pairs, size_t count) {
    size_t before = c->explained_count;
    count = count < COMPARE_EXPLAINED_MOST ? count : COMPARE_EXPLAINED_MOST;
    struct compare_explained *more = realloc(c->explained, (before + count) * sizeof *more);
    if (count > 0 && !more)
        return short_of_memory();
    c->explained = more;
    c->explained_count += count;
    for (size_t k = 0; k < count; k++)
        more[before + k] = (struct compare_explained){.c = c, .pair = pairs[k]};
    int status = read_side(more + before, count, 0, c->first);
    if (status == 0)
        status = read_side(more + before, count, 1, c->second);
    for (size_t k = 0; status == 0 && k < count; k++)
        status = explain(&more[before + k]);
    return status;
}

#define FIRST 3 /* of each */

int compare_explain_first(struct compare *c) {
    static const enum compare_verdict which[] = {COMPARE_SLOWER, COMPARE_FASTER};
    const struct compare_pair *pairs[2 * FIRST];
    size_t count = 0, n;
    for (size_t v = 0; v < 2; v++) {
        const struct compare_pair **list = compare_pick(c, which[v], &n);
        if (!list)
            return short_of_memory();
        for (size_t k = 0; k < n && k < FIRST; k++)
            pairs[count++] = list[k];
        free(list);
    }
    return count > 0 ? compare_explain_add(c, pairs, count) : 0;
}

void compare_explained_free(struct compare *c) {
    for (size_t k = 0; k < c->explained_count; k++)
        for (size_t s = 0; s < 2; s++)
            compare_samples_free(&c->explained[k].samples[s]);
    free(c->explained);
    c->explained = NULL;
    c->explained_count = 0;
}

/* --- as JSON -----------------------------------------------------------------------------------
 */

/* null where a number is not finite. */
static json_t *number_json(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *sessions_json(const struct compare_samples *samples) {
    json_t *list = json_array();
    for (size_t k = 0; k < samples->sessions; k++) {
        const struct compare_drawn *s = &samples->session[k];
        json_array_append_new(list, s->there ? json_pack("{s:f, s:f, s:f, s:I}", "median",
                                                         s->median, "low", s->low, "high", s->high,
                                                         "samples", (json_int_t)s->of)
                                             : json_null());
    }
    return list;
}

static json_t *histogram_json(const struct compare_histogram *h) {
    json_t *edges = json_array(), *counts[2] = {json_array(), json_array()};
    for (size_t k = 0; h->bins > 0 && k <= h->bins; k++)
        json_array_append_new(edges, json_real(h->edges[k]));
    for (size_t s = 0; s < 2; s++)
        for (size_t k = 0; k < h->bins; k++)
            json_array_append_new(counts[s], json_integer((json_int_t)h->counts[s][k]));
    return json_pack("{s:s, s:o, s:[o, o], s:[I, I]}", "unit", "s", "edges", edges, "counts",
                     counts[0], counts[1], "beyond", (json_int_t)h->beyond[0],
                     (json_int_t)h->beyond[1]);
}

static json_t *tree_json(const struct compare_tree *t) {
    return json_pack("{s:I, s:I, s:I, s:s}", "leaves", (json_int_t)t->leaves, "depth",
                     (json_int_t)t->depth, "under", (json_int_t)t->under, "part", t->part);
}

json_t *compare_explained_json(const struct compare_explained *e) {
    const struct compare_times *t = &e->pair->times;
    json_t *out = json_pack(
        "{s:s, s:[s, s], s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:o, s:[o, o], "
        "s:o}",
        "id", e->pair->first->id, "devices", e->pair->first->device, e->pair->second->device,
        "verdict", compare_verdict_name(t->verdict), "reason", compare_reason_name(t->reason),
        "what", compare_reason_what(t->reason), "advice", compare_reason_advice(t->reason), "ratio",
        number_json(t->ratio.value), "low", number_json(t->ratio.low), "high",
        number_json(t->ratio.high), "chance", number_json(t->chance), "threshold",
        number_json(e->threshold >= 0 ? e->threshold : NAN), "more_sessions", (json_int_t)t->more,
        "bits", compare_bits_name(e->pair->bits), "fields", compare_differences_json(e->c, e->pair),
        "sessions", sessions_json(&e->samples[0]), sessions_json(&e->samples[1]), "histogram",
        histogram_json(&e->histogram));
    if (out && e->cells.differ > 0)
        json_object_set_new(out, "cells", compare_cells_json(&e->cells));
    if (out && e->has_trees)
        json_object_set_new(out, "trees",
                            json_pack("{s:s, s:[o, o]}", "place", e->trees.place, "sides",
                                      tree_json(&e->trees.tree[0]), tree_json(&e->trees.tree[1])));
    return out;
}
