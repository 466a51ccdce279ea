/*
 * compare_bits.c: see compare_bits.h.
 */
#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_question.h"

#include <stdlib.h>
#include <string.h>

#include "harness/text.h"

/* --- fields ------------------------------------------------------------------------------------
 */

/* A list that ends when it is full, while all that differ are counted. */
struct list {
    struct compare_difference *out;
    size_t count, most;
};

static void put_value(char out[COMPARE_VALUE_BYTES], const char *value) {
    text_plain(out, COMPARE_VALUE_BYTES, value ? value : "-");
}

/* Names and values come from strangers. */
static void add(struct list *list, const char *group, const char *name, const char *a,
                const char *b) {
    char whole[2 * COMPARE_FIELD_BYTES];
    if (list->count < list->most) {
        struct compare_difference *d = &list->out[list->count];
        snprintf(whole, sizeof whole, "%s%.80s", group, name);
        text_plain(d->field, sizeof d->field, whole);
        put_value(d->values[0], a);
        put_value(d->values[1], b);
    }
    list->count++;
}

static void add_settings(struct list *list, const struct compare_pair *p) {
    if (!p->first->settings || !p->second->settings) /* another tool's file has none */
        return;
    struct compare_setting all[COMPARE_DIFFERENCES];
    size_t count = compare_settings_differences(p->first->settings, p->second->settings, all,
                                                COMPARE_DIFFERENCES);
    size_t kept = count < COMPARE_DIFFERENCES ? count : COMPARE_DIFFERENCES;
    for (size_t k = 0; k < kept; k++)
        add(list, all[k].group, all[k].name, all[k].values[0], all[k].values[1]);
    list->count += count - kept;
}

static const char *model_of(const struct compare_side *side, const struct compare_case *c) {
    return json_string_value(json_object_get(side->models, c->device));
}

static bool is_equal(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* "cuda" of "cuda:0". */
static void kind_of(const char *device, char out[24]) {
    snprintf(out, 24, "%.*s", (int)strcspn(device, ":"), device);
}

static void add_device(struct list *list, const struct compare *c, const struct compare_pair *p) {
    char kinds[2][24];
    kind_of(p->first->device, kinds[0]);
    kind_of(p->second->device, kinds[1]);
    if (strcmp(kinds[0], kinds[1]) != 0)
        add(list, "", "kind of device", kinds[0], kinds[1]);
    const char *a = model_of(c->first, p->first), *b = model_of(c->second, p->second);
    if (!is_equal(a, b))
        add(list, "", "model of the device", a, b);
}

/* Environment variables by which numerical libraries choose other kernels. */
static void add_environment(struct list *list, const struct compare *c) {
    const json_t *a = json_object_get(json_object_get(c->first->run, "software"), "settings");
    const json_t *b = json_object_get(json_object_get(c->second->run, "software"), "settings");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)a, name, value) {
        const json_t *other = json_object_get(b, name);
        if (!json_equal(value, other))
            add(list, "settings.", name, json_string_value(value), json_string_value(other));
    }
    json_object_foreach((json_t *)b, name, value) {
        if (!json_object_get(a, name))
            add(list, "settings.", name, NULL, json_string_value(value));
    }
}

static void add_executable(struct list *list, const struct compare *c,
                           const struct compare_pair *p) {
    const char *a = json_string_value(json_object_get(c->first->code, p->first->lab));
    const char *b = json_string_value(json_object_get(c->second->code, p->second->lab));
    char texts[2][16];
    if (is_equal(a, b))
        return;
    snprintf(texts[0], sizeof texts[0], "%.12s", a ? a : "-");
    snprintf(texts[1], sizeof texts[1], "%.12s", b ? b : "-");
    add(list, "", "executable", texts[0], texts[1]);
}

static void add_load(struct list *list, const struct compare *c, const struct compare_pair *p) {
    char texts[2][40];
    if (p->times.reason != COMPARE_BUSY)
        return;
    for (size_t s = 0; s < 2; s++)
        snprintf(texts[s], sizeof texts[s], "%.1f on %.0f processors", c->loads.value[s],
                 c->loads.cpus[s]);
    add(list, "", c->loads.field, texts[0], texts[1]);
}

size_t compare_differences(const struct compare *c, const struct compare_pair *p,
                           struct compare_difference *out, size_t most) {
    struct list list = {.out = out, .most = most};
    add_settings(&list, p);
    add_device(&list, c, p);
    add_environment(&list, c);
    add_executable(&list, c, p);
    add_load(&list, c, p);
    return list.count;
}

json_t *compare_differences_json(const struct compare *c, const struct compare_pair *p) {
    struct compare_difference all[COMPARE_DIFFERENCES];
    size_t count = compare_differences(c, p, all, COMPARE_DIFFERENCES);
    json_t *list = json_array();
    for (size_t k = 0; k < count && k < COMPARE_DIFFERENCES; k++)
        json_array_append_new(list, json_pack("{s:s, s:[s, s]}", "field", all[k].field, "values",
                                              all[k].values[0], all[k].values[1]));
    return list;
}

#define WHY_FIELDS 3 /* that are named */

#define WHY_VALUE 24 /* bytes of each that are shown */

/* Where two long values begin alike, from the word on in which they part. */
static size_t shown_from(const char *a, const char *b) {
    size_t same = 0;
    while (a[same] && a[same] == b[same])
        same++;
    if (same < WHY_VALUE / 2 || (!a[same] && !b[same]) ||
        (strlen(a) <= WHY_VALUE && strlen(b) <= WHY_VALUE))
        return 0;
    while (same > 0 && a[same - 1] != ' ')
        same--;
    return same;
}

static const char *why_of(const struct list *list, char out[COMPARE_WHY_BYTES]) {
    size_t n = 0, named = list->count < WHY_FIELDS ? list->count : WHY_FIELDS;
    out[0] = '\0';
    for (size_t k = 0; k < named; k++) {
        const struct compare_difference *d = &list->out[k];
        const bool values = d->values[0][0] && d->values[1][0];
        const size_t from = values ? shown_from(d->values[0], d->values[1]) : 0;
        const char *cut = from ? "…" : "";
        int wrote =
            values ? snprintf(out + n, COMPARE_WHY_BYTES - n, "%s%.40s (%s%.*s / %s%.*s)",
                              k ? ", " : "", d->field, cut, WHY_VALUE, d->values[0] + from, cut,
                              WHY_VALUE, d->values[1] + from)
                   : snprintf(out + n, COMPARE_WHY_BYTES - n, "%s%.40s", k ? ", " : "", d->field);
        n += (size_t)wrote < COMPARE_WHY_BYTES - n ? (size_t)wrote : 0;
    }
    if (list->count > named)
        snprintf(out + n, COMPARE_WHY_BYTES - n, " and %zu more", list->count - named);
    text_flatten(out); /* what was cut inside a character */
    return out;
}

const char *compare_why(const struct compare *c, const struct compare_pair *p,
                        char out[COMPARE_WHY_BYTES]) {
    struct compare_difference room[WHY_FIELDS];
    struct list list = {.out = room, .most = WHY_FIELDS};
    add_settings(&list, p);
    if (list.count == 0)
        add_device(&list, c, p);
    if (list.count == 0)
        add_environment(&list, c);
    if (list.count == 0)
        add_executable(&list, c, p);
    return why_of(&list, out);
}

bool compare_is_unexplained(const struct compare *c, const struct compare_pair *p) {
    char why[COMPARE_WHY_BYTES];
    return p->bits == COMPARE_BITS_DIFFER && *compare_why(c, p, why) == '\0';
}

/* --- groups ------------------------------------------------------------------------------------
 */

static void count_pair(struct compare_groups *groups, const struct compare *c,
                       const struct compare_pair *p) {
    char why[COMPARE_WHY_BYTES];
    compare_why(c, p, why);
    for (size_t k = 0; k < groups->count; k++)
        if (strcmp(groups->list[k].why, why) == 0) {
            groups->list[k].count++;
            return;
        }
    if (groups->count == COMPARE_GROUPS && *why) {
        groups->left_out++;
        return;
    }
    /* What nothing explains is never left out. */
    if (groups->count == COMPARE_GROUPS)
        groups->left_out += groups->list[--groups->count].count;
    struct compare_group *group = &groups->list[groups->count++];
    memcpy(group->why, why, sizeof why);
    group->count = 1;
    group->example = p;
}

static int by_alarm(const void *a, const void *b) {
    const struct compare_group *x = a, *y = b;
    if (!*x->why != !*y->why)
        return *x->why ? 1 : -1;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : strcmp(x->why, y->why);
}

void compare_bits_groups(const struct compare *c, struct compare_groups *groups) {
    groups->count = groups->left_out = 0;
    for (size_t k = 0; k < c->count; k++)
        if (c->pairs[k].bits == COMPARE_BITS_DIFFER)
            count_pair(groups, c, &c->pairs[k]);
    qsort(groups->list, groups->count, sizeof *groups->list, by_alarm);
}

/* --- claim G1 ----------------------------------------------------------------------------------
 */

static bool is_fp32_sum(const struct compare_settings *s) {
    const char *acc = compare_settings_plan(s, "acc"), *method = compare_settings_plan(s, "method");
    return acc && method && strcmp(acc, "acc32") == 0 && strcmp(method, "plain") == 0;
}

struct compare_g1 compare_g1(const struct compare *c) {
    struct compare_g1 g1 = {0};
    struct compare_difference room[1];
    for (size_t k = 0; k < c->count; k++) {
        const struct compare_pair *p = &c->pairs[k];
        struct compare_setting one;
        if (p->bits == COMPARE_NO_BITS || p->bits == COMPARE_BITS_ARRIVAL ||
            !is_fp32_sum(p->first->settings) ||
            compare_settings_differences(p->first->settings, p->second->settings, &one, 1) > 0)
            continue;
        struct list list = {.out = room, .most = 1};
        add_device(&list, c, p);
        g1.cases++;
        g1.across += list.count > 0;
        g1.equal += p->bits == COMPARE_BITS_EQUAL;
        g1.differ += p->bits == COMPARE_BITS_DIFFER;
        g1.vary += p->bits == COMPARE_BITS_VARY;
    }
    for (size_t k = 0; c->questions && k < c->questions->kind_count; k++) {
        const struct compare_kind *kind = &c->questions->kinds[k];
        if (!kind->is_fp32_sum)
            continue;
        g1.pairs += compare_tally_count(kind->one_tree);
        g1.pairs_equal += kind->one_tree.equal;
        g1.pairs_across += kind->across;
    }
    return g1;
}

const char *compare_g1_verdict(const struct compare_g1 *g1) {
    if (g1->differ > 0 || g1->vary > 0 || g1->pairs_equal < g1->pairs)
        return "refuted";
    return g1->across + g1->pairs_across > 0 ? "confirmed" : "not-testable-here";
}

const char *compare_g1_says(const struct compare_g1 *g1, char out[COMPARE_G1_BYTES]) {
    static const char head[] = "FP32 sums with one tree: ";
    size_t n;
    if (g1->cases + g1->pairs == 0) {
        snprintf(out, COMPARE_G1_BYTES, "%snone that both sides did with one plan", head);
        return out;
    }
    n = (size_t)snprintf(out, COMPARE_G1_BYTES, "%sequal bits in %zu of %zu cases", head, g1->equal,
                         g1->cases);
    if (g1->differ > 0)
        n += (size_t)snprintf(out + n, COMPARE_G1_BYTES - n, ", different in %zu", g1->differ);
    if (g1->vary > 0)
        n += (size_t)snprintf(out + n, COMPARE_G1_BYTES - n,
                              ", varying between sessions of one side in %zu", g1->vary);
    if (g1->pairs > 0)
        n += (size_t)snprintf(out + n, COMPARE_G1_BYTES - n,
                              ", and in %zu of %zu pairs of unlike plans", g1->pairs_equal,
                              g1->pairs);
    if (g1->across + g1->pairs_across == 0)
        snprintf(out + n, COMPARE_G1_BYTES - n,
                 "; both on one model of device, which says nothing of others");
    else
        snprintf(out + n, COMPARE_G1_BYTES - n, "; in %zu the devices are of another kind or model",
                 g1->across + g1->pairs_across);
    return out;
}
