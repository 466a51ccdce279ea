/*
 * plan_list.c: many plans of a family: all legal ones, and few that hold every pair of values.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/plan/plan.h"

/* A list in the making. `plan` is one plan's memory to work in. */
struct maker {
    const struct plan_family *family;
    unsigned mask;
    const void *fixed;
    void *plan;
    char *plans;
    size_t count, room;
};

static int start(struct maker *m, const struct plan_family *family, unsigned mask,
                 const void *fixed) {
    *m = (struct maker){.family = family, .mask = mask, .fixed = fixed};
    m->plan = malloc(family->size);
    if (!m->plan)
        return -1;
    memcpy(m->plan, fixed, family->size);
    return 0;
}

/* Appends the plan worked on. */
static int add(struct maker *m) {
    size_t size = m->family->size;
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        char *grown = realloc(m->plans, room * size);
        if (!grown)
            return -1;
        m->plans = grown;
        m->room = room;
    }
    memcpy(m->plans + m->count++ * size, m->plan, size);
    return 0;
}

static int hand_over(struct maker *m, int status, struct plan_list *list) {
    free(m->plan);
    if (status) {
        free(m->plans);
        return -1;
    }
    list->plans = m->plans;
    list->count = m->count;
    return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

static int add_all(struct maker *m, size_t field) {
    const struct plan_family *family = m->family;
    if (field == family->count)
        return plan_check(family, m->plan, NULL) ? 0 : add(m);
    if (m->mask & 1u << field)
        return add_all(m, field + 1);
    for (size_t k = 0; k < family->fields[field].count; k++) {
        plan_set(family, m->plan, field, family->fields[field].values[k].value);
        if (add_all(m, field + 1))
            return -1;
    }
    return 0;
}

int plan_all(const struct plan_family *family, unsigned mask, const void *fixed,
             struct plan_list *list) {
    struct maker m;
    if (start(&m, family, mask, fixed))
        return -1;
    return hand_over(&m, add_all(&m, 0), list);
}

/* --- pairs ------------------------------------------------------------------------------------ */

/* Pairs of values that no plan holds so far. All fields' values are numbered through, field f's
 * from first[f]; the pair of a and b, a < b, is at a × values + b. */
struct pairs {
    size_t first[PLAN_FIELDS_MOST], values;
    bool *open;
};

static bool *pair_at(const struct pairs *pairs, size_t a, size_t b) {
    return &pairs->open[(a < b ? a : b) * pairs->values + (a < b ? b : a)];
}

/* Number of the value that a field has; of its first one if it has none of the list. */
static size_t number(const struct maker *m, const struct pairs *pairs, size_t field) {
    const struct plan_field *info = &m->family->fields[field];
    int value = plan_get(m->family, m->plan, field);
    for (size_t k = 0; k < info->count; k++)
        if (info->values[k].value == value)
            return pairs->first[field] + k;
    return pairs->first[field];
}

/* Completes a plan whose fields in `set` are given: tries the values of the first unset field,
 * those that close most open pairs first, and goes back when nothing legal is left. A family's
 * rules span few fields, so it seldom goes back far. Ties go to the value that the list's length
 * points at, so that values whose pairs are all closed still take turns. */
static bool complete(struct maker *m, const struct pairs *pairs, unsigned set) {
    size_t field = 0;
    if (m->family->hopeless && m->family->hopeless(m->plan, set))
        return false;
    while (field < m->family->count && set & 1u << field)
        field++;
    if (field == m->family->count)
        return !plan_check(m->family, m->plan, NULL);
    const struct plan_field *info = &m->family->fields[field];
    size_t gains[info->count];
    memset(gains, 0, sizeof gains);
    for (size_t g = 0; g < m->family->count; g++)
        for (size_t k = 0; set & 1u << g && k < info->count; k++)
            gains[k] += *pair_at(pairs, pairs->first[field] + k, number(m, pairs, g));
    bool tried[info->count];
    memset(tried, 0, sizeof tried);
    for (size_t round = 0; round < info->count; round++) {
        size_t best = info->count;
        for (size_t k = 0; k < info->count; k++) {
            size_t value = (k + m->count) % info->count;
            if (!tried[value] && (best == info->count || gains[value] > gains[best]))
                best = value;
        }
        tried[best] = true;
        plan_set(m->family, m->plan, field, info->values[best].value);
        if (complete(m, pairs, set | 1u << field))
            return true;
    }
    return false;
}

/* Adds a plan with value i of field f and value j of field g, if a legal one holds them. */
static int cover(struct maker *m, const struct pairs *pairs, size_t f, size_t i, size_t g,
                 size_t j) {
    const struct plan_family *family = m->family;
    bool *open = pair_at(pairs, pairs->first[f] + i, pairs->first[g] + j);
    if (!*open)
        return 0;
    *open = false;
    memcpy(m->plan, m->fixed, family->size);
    plan_set(family, m->plan, f, family->fields[f].values[i].value);
    plan_set(family, m->plan, g, family->fields[g].values[j].value);
    for (size_t h = 0; h < family->count; h++)
        if (m->mask & 1u << h && plan_get(family, m->plan, h) != plan_get(family, m->fixed, h))
            return 0;
    if (!complete(m, pairs, m->mask | 1u << f | 1u << g))
        return 0;
    for (size_t a = 0; a < family->count; a++)
        for (size_t b = a + 1; b < family->count; b++)
            *pair_at(pairs, number(m, pairs, a), number(m, pairs, b)) = false;
    return add(m);
}

static int add_pairs(struct maker *m, const struct pairs *pairs) {
    const struct plan_field *fields = m->family->fields;
    for (size_t f = 0; f < m->family->count; f++)
        for (size_t i = 0; i < fields[f].count; i++)
            for (size_t g = f + 1; g < m->family->count; g++)
                for (size_t j = 0; j < fields[g].count; j++)
                    if (cover(m, pairs, f, i, g, j))
                        return -1;
    return 0;
}

int plan_pairs(const struct plan_family *family, unsigned mask, const void *fixed,
               struct plan_list *list) {
    struct maker m;
    struct pairs pairs = {.values = 0};
    if (start(&m, family, mask, fixed))
        return -1;
    for (size_t f = 0; f < family->count; f++) {
        pairs.first[f] = pairs.values;
        pairs.values += family->fields[f].count;
    }
    pairs.open = malloc(pairs.values * pairs.values * sizeof *pairs.open);
    if (pairs.open)
        memset(pairs.open, true, pairs.values * pairs.values * sizeof *pairs.open);
    int status = pairs.open ? add_pairs(&m, &pairs) : -1;
    free(pairs.open);
    return hand_over(&m, status, list);
}
