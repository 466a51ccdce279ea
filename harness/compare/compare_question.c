/*
 * compare_question.c: answers of both sides counted in pairs (compare_question.h).
 */
#include "harness/compare/compare_answer.h"

#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/text.h"

/* Pairs that differ in one field alone are looked for among the first answers of each side. */
#define ALONE_AMONG 64
/* Trees with more leaves than this, all together, would take over a second. */
#define LEAVES_MOST ((size_t)1 << 22)
/* Pairs that differ in one field alone are looked for up to so many members of plans, likewise. */
#define MEMBERS_MOST ((size_t)1 << 26)
/* Pairs looked at for one that is shown. */
#define TRIES 4096

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

/* --- orders
 * ----------------------------------------------------------------------------------------
 */

static int by_bits(const void *a, const void *b) {
    const struct compare_answer *x = *(struct compare_answer *const *)a,
                                *y = *(struct compare_answer *const *)b;
    return (x->bits > y->bits) - (x->bits < y->bits);
}

static int by_tree(const void *a, const void *b) {
    const struct compare_answer *x = *(struct compare_answer *const *)a,
                                *y = *(struct compare_answer *const *)b;
    return x->tree != y->tree ? (x->tree > y->tree) - (x->tree < y->tree) : by_bits(a, b);
}

/* --- pairs of one question ---------------------------------------------------------------------
 */

/* Answers of one question: A's in front, `first` of them, then B's. `room` holds as many pointers.
 */
struct group {
    const struct compare *c;
    struct compare_answer *list;
    struct compare_answer **room;
    size_t first, count;
};

/* How many of each side, and how many of them by a plan that the other side has too. */
struct sort {
    size_t all[2], joined[2];
};

static void put(struct sort *s, const struct compare_answer *a) {
    s->all[a->second]++;
    s->joined[a->second] += a->joined;
}

/* Two that are joined by their ids count there. */
static size_t pairs_of(const struct sort *s) {
    return s->all[0] * s->all[1] - s->joined[0] * s->joined[1];
}

static bool varies(const struct compare_answer *a) {
    return compare_bits_vary(a->c);
}

/* Of the answers in room[from … to - 1], which are sorted by bits. */
static struct compare_tally count_pairs(const struct group *g, size_t from, size_t to) {
    struct compare_tally n = {0};
    struct sort all = {{0}}, steady = {{0}};
    for (size_t begin = from, end; begin < to; begin = end) {
        struct sort equal = {{0}};
        for (end = begin; end < to && g->room[end]->bits == g->room[begin]->bits; end++) {
            put(&all, g->room[end]);
            if (varies(g->room[end]))
                continue;
            put(&steady, g->room[end]);
            put(&equal, g->room[end]);
        }
        n.equal += pairs_of(&equal);
    }
    n.differ = pairs_of(&steady) - n.equal;
    n.vary = pairs_of(&all) - n.equal - n.differ;
    return n;
}

static void add(struct compare_tally *sum, struct compare_tally n) {
    sum->equal += n.equal;
    sum->differ += n.differ;
    sum->vary += n.vary;
}

/* Pairs on devices of another kind or model: all, without those on one. */
static size_t pairs_elsewhere(const struct group *g, size_t from, size_t to) {
    struct sort all = {{0}}, on[COMPARE_DEVICES] = {{{0}}};
    for (size_t k = from; k < to; k++) {
        put(&all, g->room[k]);
        put(&on[g->room[k]->device], g->room[k]);
    }
    size_t n = pairs_of(&all);
    for (size_t d = 0; d < COMPARE_DEVICES; d++)
        n -= pairs_of(&on[d]);
    return n;
}

/* --- trees -------------------------------------------------------------------------------------
 */

/* Of questions that are compared alone: each plan and size once a side. */
static void find_trees(struct group *g, size_t *leaves, size_t *left_out) {
    for (size_t k = 0; k < g->count; k++) {
        struct compare_answer *a = &g->list[k];
        size_t n = compare_case_inputs(a->c);
        if (n < 3 || n > COMPARE_PREDICTED)
            continue;
        if (*leaves >= LEAVES_MOST) {
            ++*left_out;
            continue;
        }
        a->tree = compare_case_tree(a->c);
        *leaves += a->tree ? n : 0;
    }
}

/* Two of A and of B in room[from … to - 1] that are no pair of their ids, and whose bits are equal,
 * or are not; on devices of other kinds where such are met. */
static struct compare_two pick(const struct group *g, size_t from, size_t to, bool equal) {
    struct compare_two found = {NULL, NULL};
    size_t tries = 0;
    for (size_t i = from; i < to; i++)
        for (size_t j = from; j < to && tries < TRIES; j++, tries++) {
            const struct compare_answer *a = g->room[i], *b = g->room[j];
            if (a->second || !b->second || (a->joined && b->joined) || varies(a) || varies(b) ||
                (a->bits == b->bits) != equal)
                continue;
            if (a->device != b->device)
                return (struct compare_two){a->c, b->c};
            if (!found.first)
                found = (struct compare_two){a->c, b->c};
        }
    return found;
}

/* Answers with one tree, room[from … to - 1]. */
static void see_tree(struct compare_kind *kind, const struct group *g, size_t from, size_t to) {
    const struct compare_tally n = count_pairs(g, from, to);
    add(&kind->one_tree, n);
    kind->across += pairs_elsewhere(g, from, to);
    if (n.equal > 0 && !kind->same.first)
        kind->same = pick(g, from, to, true);
    if (n.differ > 0 && !kind->wrong.first)
        kind->wrong = pick(g, from, to, false);
}

/* Two with other bits, and other trees if these are known: the ones of the fewest inputs. */
static void see_part(struct compare_kind *kind, const struct group *g) {
    size_t tries = 0;
    if (kind->part.first &&
        compare_case_inputs(kind->part.first) <= compare_case_inputs(g->list[0].c))
        return;
    for (size_t i = 0; i < g->first; i++)
        for (size_t j = g->first; j < g->count && tries < TRIES; j++, tries++) {
            const struct compare_answer *a = &g->list[i], *b = &g->list[j];
            if ((a->joined && b->joined) || varies(a) || varies(b) || a->bits == b->bits ||
                a->tree == 0 || b->tree == 0 || a->tree == b->tree)
                continue;
            kind->part = (struct compare_two){a->c, b->c};
            return;
        }
}

static void see_trees(struct compare_kind *kind, struct group *g) {
    struct sort known = {{0}};
    size_t one = 0;
    qsort(g->room, g->count, sizeof *g->room, by_tree);
    for (size_t from = 0, to; from < g->count; from = to) {
        struct sort same = {{0}};
        for (to = from; to < g->count && g->room[to]->tree == g->room[from]->tree; to++)
            put(&same, g->room[to]);
        if (g->room[from]->tree == 0)
            continue;
        for (size_t k = from; k < to; k++)
            put(&known, g->room[k]);
        one += pairs_of(&same);
        see_tree(kind, g, from, to);
    }
    kind->other_tree += pairs_of(&known) - one;
    see_part(kind, g);
}

/* --- fields ------------------------------------------------------------------------------------
 */

static struct compare_alone *field_of(struct compare_questions *q, const char *group,
                                      const char *name) {
    char field[COMPARE_FIELD_BYTES], whole[COMPARE_FIELD_BYTES];
    snprintf(whole, sizeof whole, "%s%.80s", group, name);
    text_plain(field, sizeof field, whole);
    for (size_t k = 0; k < q->field_count; k++)
        if (strcmp(q->fields[k].field, field) == 0)
            return &q->fields[k];
    if (q->field_count == COMPARE_ALONE)
        return NULL;
    struct compare_alone *alone = &q->fields[q->field_count++];
    memcpy(alone->field, field, sizeof field);
    return alone;
}

static void add_alone(struct compare_alone *alone, const struct compare_case *a,
                      const struct compare_case *b) {
    bool vary = compare_bits_vary(a) || compare_bits_vary(b), equal = a->bits == b->bits;
    if (!alone->such_as.first || (!vary && !equal && alone->pairs.differ == 0))
        alone->such_as = (struct compare_two){a, b};
    alone->pairs.vary += vary;
    alone->pairs.equal += !vary && equal;
    alone->pairs.differ += !vary && !equal;
}

static void see_fields(struct compare_questions *q, const struct group *g, size_t *members) {
    size_t n = g->first < ALONE_AMONG ? g->first : ALONE_AMONG;
    size_t m = g->count - g->first < ALONE_AMONG ? g->count - g->first : ALONE_AMONG;
    if (*members >= MEMBERS_MOST) {
        q->fields_left_out++;
        return;
    }
    for (size_t i = 0; i < n; i++)
        *members += m * (1 + compare_settings_members(g->list[i].c->settings));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            const struct compare_answer *a = &g->list[i], *b = &g->list[g->first + j];
            const char *name = a->joined && b->joined
                                   ? NULL
                                   : compare_settings_only(a->c->settings, b->c->settings);
            struct compare_alone *alone = name ? field_of(q, "plan.", name) : NULL;
            if (alone)
                add_alone(alone, a->c, b->c);
        }
}

/* One plan on devices of two kinds, where the id's pair is of one kind: a side of a CPU and a
 * simulated GPU has both beside another's simulated GPU. */
static void see_devices(const struct compare *c) {
    size_t i = 0, j = 0, pair = 0;
    struct compare_alone *alone = NULL;
    while (i < c->first->count && j < c->second->count) {
        const struct compare_case *a = &c->first->cases[i], *b = &c->second->cases[j];
        int order = strcmp(a->id, b->id);
        if (order != 0) {
            i += order < 0;
            j += order > 0;
            continue;
        }
        size_t n = 1, m = 1, pairs = 0;
        while (i + n < c->first->count && strcmp(a[n].id, a->id) == 0)
            n++;
        while (j + m < c->second->count && strcmp(b[m].id, b->id) == 0)
            m++;
        while (pair + pairs < c->count && strcmp(c->pairs[pair + pairs].first->id, a->id) == 0)
            pairs++;
        for (size_t k = 0; n + m > 2 && n < COMPARE_DEVICES && m < COMPARE_DEVICES && k < n * m;
             k++) {
            const struct compare_case *x = &a[k / m], *y = &b[k % m];
            bool joined = !x->has_bits || !y->has_bits || compare_same_kind(x->device, y->device);
            for (size_t l = pair; !joined && l < pair + pairs; l++)
                joined = c->pairs[l].first == x && c->pairs[l].second == y;
            if (!joined && !alone)
                alone = field_of(c->questions, "", "kind of device");
            if (!joined && alone)
                add_alone(alone, x, y);
        }
        i += n;
        j += m;
        pair += pairs;
    }
}

static int by_change(const void *a, const void *b) {
    const struct compare_alone *x = a, *y = b;
    if (!x->pairs.differ != !y->pairs.differ)
        return x->pairs.differ ? -1 : 1;
    size_t m = x->pairs.differ + x->pairs.equal, n = y->pairs.differ + y->pairs.equal;
    return m != n ? (m < n) - (m > n) : strcmp(x->field, y->field);
}

/* --- kinds -------------------------------------------------------------------------------------
 */

static bool is_fp32_sum(const struct compare_case *c) {
    const char *acc = compare_settings_plan(c->settings, "acc");
    const char *method = compare_settings_plan(c->settings, "method");
    return !c->has_tree && acc && method && strcmp(acc, "acc32") == 0 &&
           strcmp(method, "plain") == 0;
}

/* What was looked at of all questions, so that no file takes long. */
struct looked {
    size_t leaves, members;
};

static void see_question(struct compare_questions *q, struct compare_kind *kind, struct group *g,
                         struct looked *looked) {
    struct sort all = {{0}};
    for (size_t k = 0; k < g->count; k++) {
        put(&all, &g->list[k]);
        g->room[k] = &g->list[k];
    }
    if (pairs_of(&all) == 0)
        return;
    q->questions++;
    kind->questions++;
    for (size_t s = 0; s < 2; s++) {
        /* Plans that both sides have stand beside the other side's own only. */
        bool own = all.joined[!s] == all.all[!s];
        size_t n = own ? all.all[s] - all.joined[s] : all.all[s];
        kind->plans[s] = n > kind->plans[s] ? n : kind->plans[s];
    }
    qsort(g->room, g->count, sizeof *g->room, by_bits);
    const struct compare_tally n = count_pairs(g, 0, g->count);
    add(&kind->all, n);
    kind->shared += n.equal > 0;
    see_fields(q, g, &looked->members);
    find_trees(g, &looked->leaves, &q->trees_left_out);
    see_trees(kind, g);
}

/* More kinds than fit into the list: those with most pairs stay. */
static void keep_kind(struct compare_questions *q, const struct compare_kind *kind) {
    q->wrong += kind->one_tree.differ;
    if (kind->questions == 0)
        return;
    if (q->kind_count < COMPARE_KINDS) {
        q->kinds[q->kind_count++] = *kind;
        return;
    }
    struct compare_kind *least = &q->kinds[0];
    for (size_t k = 1; k < COMPARE_KINDS; k++)
        if (!q->kinds[k].one_tree.differ && q->kinds[k].questions < least->questions)
            least = &q->kinds[k];
    bool better = kind->one_tree.differ > 0 || kind->questions > least->questions;
    q->left_out += better ? least->questions : kind->questions;
    if (better)
        *least = *kind;
}

static int by_alarm(const void *a, const void *b) {
    const struct compare_kind *x = a, *y = b;
    if (!x->one_tree.differ != !y->one_tree.differ)
        return x->one_tree.differ ? -1 : 1;
    size_t m = compare_tally_count(x->all), n = compare_tally_count(y->all);
    return m != n ? (m < n) - (m > n) : strcmp(x->name, y->name);
}

static void see_all(const struct compare *c, struct compare_answer *list, size_t count,
                    struct compare_answer **room) {
    struct compare_questions *q = c->questions;
    struct compare_kind kind = {.questions = 0};
    struct looked looked = {0, 0};
    for (size_t from = 0, to; from < count; from = to) {
        struct group g = {c, list + from, room, 0, 0};
        for (to = from; to < count && list[to].question == list[from].question &&
                        list[to].kind == list[from].kind;
             to++)
            g.first += !list[to].second;
        g.count = to - from;
        if (from == 0 || list[from].kind != list[from - 1].kind) {
            keep_kind(q, &kind);
            kind = (struct compare_kind){.is_fp32_sum = is_fp32_sum(list[from].c)};
            compare_answer_kind(list[from].c, kind.name);
        }
        if (g.first > 0 && g.first < g.count)
            see_question(q, &kind, &g, &looked);
    }
    keep_kind(q, &kind);
    qsort(q->kinds, q->kind_count, sizeof *q->kinds, by_alarm);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Data are made from the seed of the run. */
static bool have_one_seed(const struct compare *c) {
    const json_t *a = json_object_get(json_object_get(c->first->run, "run"), "seed");
    const json_t *b = json_object_get(json_object_get(c->second->run, "run"), "seed");
    return !a || !b || json_equal(a, b);
}

int compare_questions_find(struct compare *c) {
    size_t most = c->first->count + c->second->count;
    struct compare_answer *list = malloc((most + 1) * sizeof *list);
    struct compare_answer **room = NULL;
    struct compare_devices devices = {.count = 0};
    bool any = false;
    c->questions = calloc(1, sizeof *c->questions);
    int status = list && c->questions ? 0 : short_of_memory();
    size_t n = 0, m = 0;
    if (status == 0) {
        n = compare_answers_of(c, false, list, &devices, &any);
        m = n == SIZE_MAX ? n : compare_answers_of(c, true, list + n, &devices, &any);
        status = m == SIZE_MAX ? short_of_memory() : 0;
    }
    if (status == 0 && any && n > 0 && m > 0 && !have_one_seed(c)) {
        snprintf(c->questions->no_questions, sizeof c->questions->no_questions,
                 "the sides have other seeds, and with them other data");
        any = false;
    }
    if (status == 0 && any && n > 0 && m > 0) {
        room = malloc((n + m) * sizeof *room);
        status = room ? 0 : short_of_memory();
    }
    if (room) {
        qsort(list, n + m, sizeof *list, compare_answer_order);
        see_all(c, list, n + m, room);
    }
    free(room);
    free(list);
    if (status == 0) {
        see_devices(c);
        qsort(c->questions->fields, c->questions->field_count, sizeof *c->questions->fields,
              by_change);
    }
    return status;
}

void compare_questions_free(struct compare *c) {
    free(c->questions);
    c->questions = NULL;
}
