/*
 * compare_answer.c: see compare_answer.h.
 */
#include "harness/compare/compare_answer.h"

#include <stdlib.h>
#include <string.h>

#include "harness/text.h"

/* --- which question a case answers -------------------------------------------------------------
 */

/* Parameters, or fields of the plan, that say what was asked for, not how it was done. Those of the
 * first list tell kinds of questions apart, those of the second the questions of one kind; and so
 * does whatever stands in the id beside the plan. */
static const char *const operation[] = {"type", "element", "acc", "method", "cure", "terms"};
static const char *const data[] = {"n",         "condition", "addresses", "head", "group",
                                   "sequences", "kv heads",  "batch",     "load"};
#define OPERATION (sizeof operation / sizeof *operation)
#define DATA (sizeof data / sizeof *data)

/* Where the members of a shape are: cases with one follow each other. */
struct places {
    const struct compare_shape *params, *plan;
    size_t at[OPERATION + DATA]; /* in values[]; SIZE_MAX: not there */
};

/* A parameter counts before a field of the plan with its name: a plan may say "sum" for elements.
 */
static size_t place_of(const struct compare_settings *s, const char *name) {
    const json_t *place = json_object_get(s->params->names, name);
    if (place)
        return (size_t)json_integer_value(place);
    place = json_object_get(s->plan->names, name);
    return place ? json_object_size(s->params->names) + (size_t)json_integer_value(place)
                 : SIZE_MAX;
}

static void find_places(struct places *p, const struct compare_settings *s) {
    if (p->params == s->params && p->plan == s->plan)
        return;
    p->params = s->params;
    p->plan = s->plan;
    for (size_t k = 0; k < OPERATION; k++)
        p->at[k] = place_of(s, operation[k]);
    for (size_t k = 0; k < DATA; k++)
        p->at[OPERATION + k] = place_of(s, data[k]);
}

static void add_number(uint64_t *hash, uint64_t value) {
    for (int k = 0; k < 8; k++)
        *hash = (*hash ^ (value >> (8 * k) & 0xff)) * 0x100000001b3u;
}

/* "01/sum" of "01/sum/n=3/plan=…". */
static size_t family_length(const char *id) {
    size_t first = strcspn(id, "/"), plan = (size_t)(strstr(id, "/plan=") - id);
    return first < plan ? first + 1 + strcspn(id + first + 1, "/") : plan;
}

static void add_bytes(uint64_t *hash, const char *text, size_t length) {
    for (size_t k = 0; k < length; k++)
        *hash = (*hash ^ (unsigned char)text[k]) * 0x100000001b3u;
    *hash = (*hash ^ 0xff) * 0x100000001b3u;
}

/* False: no answer to a question, as it has no bits, or no plan in its id. */
static bool answer_of(const struct compare_case *c, struct places *places,
                      struct compare_answer *a) {
    const char *plan = c->has_bits && c->settings ? strstr(c->id, "/plan=") : NULL;
    if (!plan)
        return false;
    find_places(places, c->settings);
    *a = (struct compare_answer){.kind = COMPARE_HASH, .bits = c->bits, .c = c};
    add_bytes(&a->kind, c->id, family_length(c->id));
    compare_hash_text(&a->kind, c->lab);
    for (size_t k = 0; k < OPERATION; k++)
        add_number(&a->kind, places->at[k] == SIZE_MAX ? 0 : c->settings->values[places->at[k]]);
    a->question = a->kind;
    add_bytes(&a->question, c->id, (size_t)(plan - c->id));
    compare_hash_text(&a->question, plan + 1 + strcspn(plan + 1, "/"));
    for (size_t k = OPERATION; k < OPERATION + DATA; k++)
        add_number(&a->question,
                   places->at[k] == SIZE_MAX ? 0 : c->settings->values[places->at[k]]);
    add_number(&a->question, c->rows);
    add_number(&a->question, c->has_tree);
    return true;
}

int compare_answer_order(const void *a, const void *b) {
    const struct compare_answer *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->question != y->question)
        return x->question < y->question ? -1 : 1;
    if (x->second != y->second)
        return x->second ? 1 : -1;
    int order = strcmp(x->c->id, y->c->id);
    return order ? order : strcmp(x->c->device, y->c->device);
}

/* "01/sum: f32, acc32, plain, elements" */
void compare_answer_kind(const struct compare_case *c, char out[COMPARE_KIND_BYTES]) {
    char whole[2 * COMPARE_KIND_BYTES];
    size_t n =
        (size_t)snprintf(whole, sizeof whole, "%.*s",
                         (int)(family_length(c->id) < 60 ? family_length(c->id) : 60), c->id);
    const char *between = ": ";
    for (size_t k = 0; k < OPERATION; k++) {
        const char *value = compare_settings_param(c->settings, operation[k]);
        if (!value)
            value = compare_settings_plan(c->settings, operation[k]);
        if (!value || !*value)
            continue;
        n += (size_t)snprintf(whole + n, sizeof whole - n, "%s%.30s", between, value);
        between = ", ";
    }
    text_plain(out, COMPARE_KIND_BYTES, whole);
}

/* --- answers of a side -------------------------------------------------------------------------
 */

static unsigned char device_of(struct compare_devices *d, const struct compare_side *side,
                               const struct compare_case *c) {
    const char *model = json_string_value(json_object_get(side->models, c->device));
    size_t k = 0;
    model = model ? model : "";
    while (k < d->count &&
           !(compare_same_kind(d->name[k], c->device) && strcmp(d->model[k], model) == 0))
        k++;
    if (k == d->count && k < COMPARE_DEVICES) {
        d->name[k] = c->device;
        d->model[k] = model;
        d->count++;
    }
    return (unsigned char)(k < COMPARE_DEVICES ? k : COMPARE_DEVICES - 1);
}

/* Which of a side's cases have their id on the other side as well. */
static bool *known_ids(const struct compare *c, bool second) {
    const struct compare_side *side = second ? c->second : c->first;
    const struct compare_side *other = second ? c->first : c->second;
    bool *known = calloc(side->count + 1, sizeof *known);
    for (size_t i = 0, j = 0; known && i < side->count && j < other->count;) {
        int order = strcmp(side->cases[i].id, other->cases[j].id);
        known[i] = order == 0;
        i += order <= 0;
        j += order > 0;
    }
    return known;
}

/* Answers of a side. How many; SIZE_MAX: no memory. */
size_t compare_answers_of(const struct compare *c, bool second, struct compare_answer *list,
                          struct compare_devices *devices, bool *any) {
    const struct compare_side *side = second ? c->second : c->first;
    struct places places = {NULL, NULL, {0}};
    bool *joined = known_ids(c, second);
    size_t n = 0;
    if (!joined)
        return SIZE_MAX;
    for (size_t k = 0; k < side->count; k++)
        if (answer_of(&side->cases[k], &places, &list[n])) {
            list[n].second = second;
            list[n].joined = joined[k];
            list[n].device = device_of(devices, side, &side->cases[k]);
            *any |= !joined[k];
            n++;
        }
    free(joined);
    return n;
}

struct compare_others compare_others_of(const struct compare *c, const struct compare_case *one,
                                        bool second) {
    const struct compare_side *side = second ? c->first : c->second;
    struct compare_others others = {.count = 0};
    struct compare_answer a, b;
    struct places places = {NULL, NULL, {0}};
    if (*c->questions->no_questions || !answer_of(one, &places, &a))
        return others;
    for (size_t k = 0; k < side->count; k++) {
        if (!answer_of(&side->cases[k], &places, &b) || b.question != a.question)
            continue;
        bool vary = compare_bits_vary(one) || compare_bits_vary(b.c),
             equal = !vary && a.bits == b.bits;
        if (!others.such_as || (equal && others.equal == 0))
            others.such_as = b.c;
        others.count++;
        others.vary += vary;
        others.equal += equal;
    }
    return others;
}
