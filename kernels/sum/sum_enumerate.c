/*
 * sum_enumerate.c: many plans: all of them, few that hold every pair, and the mutants.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/sum/sum.h"

struct plan_list {
    struct sum_plan *plans;
    size_t count, room;
};

static int list_add(struct plan_list *list, const struct sum_plan *plan) {
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct sum_plan *grown = realloc(list->plans, room * sizeof *grown);
        if (!grown)
            return -1;
        list->plans = grown;
        list->room = room;
    }
    list->plans[list->count++] = *plan;
    return 0;
}

static bool is_fixed(const struct sum_choice *choice, enum sum_field_id field) {
    return choice->mask & 1u << field;
}

/* --- all ---------------------------------------------------------------------------------------
 */

static int add_all(const struct sum_choice *choice, struct sum_plan *plan, enum sum_field_id field,
                   struct plan_list *list) {
    if (field == SUM_FIELDS)
        return sum_plan_check(plan, 0, NULL) ? 0 : list_add(list, plan);
    if (is_fixed(choice, field))
        return add_all(choice, plan, field + 1, list);
    for (size_t k = 0; k < sum_fields[field].count; k++) {
        sum_plan_set(plan, field, sum_fields[field].values[k].value);
        if (add_all(choice, plan, field + 1, list))
            return -1;
    }
    return 0;
}

int sum_plans_all(const struct sum_choice *choice, struct sum_plan **plans, size_t *count) {
    struct plan_list list = {0};
    struct sum_plan plan = choice->fixed;
    if (add_all(choice, &plan, 0, &list)) {
        free(list.plans);
        return -1;
    }
    *plans = list.plans;
    *count = list.count;
    return 0;
}

/* --- pairs -------------------------------------------------------------------------------------
 */

enum { MOST_VALUES = 8 };
_Static_assert(SUM_FIELDS <= 16, "the square of pairs is sized for 16 fields");

/* open[f][i][g][j], f < g: value i of f beside value j of g is legal and in no plan so far. */
struct pair_square {
    bool open[SUM_FIELDS][MOST_VALUES][SUM_FIELDS][MOST_VALUES];
};

/* Index of a field's value in its list. */
static size_t value_index(const struct sum_plan *plan, enum sum_field_id field) {
    for (size_t k = 0; k < sum_fields[field].count; k++)
        if (sum_fields[field].values[k].value == sum_plan_get(plan, field))
            return k;
    return 0;
}

static void close_pairs(struct pair_square *square, const struct sum_plan *plan) {
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
        for (enum sum_field_id g = f + 1; g < SUM_FIELDS; g++)
            square->open[f][value_index(plan, f)][g][value_index(plan, g)] = false;
}

/* Completes a plan whose fields in `set` are given: tries the values of the first unset field,
 * those that close most open pairs first, and goes back when nothing legal is left. The rules of
 * sum_plan_check span few fields, so it seldom goes back far. Ties go to the value that `turn`
 * points at, so that values whose pairs are all closed still take turns. */
static bool complete(struct pair_square *square, struct sum_plan *plan, unsigned set, size_t turn) {
    enum sum_field_id field = 0;
    while (field < SUM_FIELDS && set & 1u << field)
        field++;
    if (field == SUM_FIELDS)
        return sum_plan_check(plan, 0, NULL) == 0;
    const struct sum_field *info = &sum_fields[field];
    bool tried[MOST_VALUES] = {false};
    for (size_t round = 0; round < info->count; round++) {
        size_t best = MOST_VALUES, best_gain = 0;
        for (size_t k = 0; k < info->count; k++) {
            size_t value = (k + turn) % info->count, gain = 0;
            if (tried[value])
                continue;
            for (enum sum_field_id g = 0; g < SUM_FIELDS; g++) {
                if (!(set & 1u << g))
                    continue;
                size_t other = value_index(plan, g);
                gain += g < field ? square->open[g][other][field][value]
                                  : square->open[field][value][g][other];
            }
            if (best == MOST_VALUES || gain > best_gain) {
                best = value;
                best_gain = gain;
            }
        }
        tried[best] = true;
        sum_plan_set(plan, field, info->values[best].value);
        if (complete(square, plan, set | 1u << field, turn))
            return true;
    }
    return false;
}

static bool cover_pair(const struct sum_choice *choice, struct pair_square *square,
                       struct sum_plan *plan, enum sum_field_id f, size_t i, enum sum_field_id g,
                       size_t j, size_t turn) {
    *plan = choice->fixed;
    sum_plan_set(plan, f, sum_fields[f].values[i].value);
    sum_plan_set(plan, g, sum_fields[g].values[j].value);
    if (is_fixed(choice, f) && sum_plan_get(plan, f) != sum_plan_get(&choice->fixed, f))
        return false;
    if (is_fixed(choice, g) && sum_plan_get(plan, g) != sum_plan_get(&choice->fixed, g))
        return false;
    return complete(square, plan, choice->mask | 1u << f | 1u << g, turn);
}

int sum_plans_pairs(const struct sum_choice *choice, struct sum_plan **plans, size_t *count) {
    struct plan_list list = {0};
    struct pair_square *square = calloc(1, sizeof *square);
    if (!square)
        return -1;
    memset(square, 1, sizeof *square);
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
        for (size_t i = 0; i < sum_fields[f].count; i++)
            for (enum sum_field_id g = f + 1; g < SUM_FIELDS; g++)
                for (size_t j = 0; j < sum_fields[g].count; j++) {
                    struct sum_plan plan;
                    if (!square->open[f][i][g][j])
                        continue;
                    if (!cover_pair(choice, square, &plan, f, i, g, j, list.count)) {
                        square->open[f][i][g][j] = false; /* no legal plan holds it */
                        continue;
                    }
                    close_pairs(square, &plan);
                    if (list_add(&list, &plan)) {
                        free(list.plans);
                        free(square);
                        return -1;
                    }
                }
    free(square);
    *plans = list.plans;
    *count = list.count;
    return 0;
}

/* --- mutants -----------------------------------------------------------------------------------
 */

bool sum_plan_mutant(const struct sum_plan *plan, enum sum_field_id field,
                     struct sum_plan *mutant) {
    const struct sum_field *info = &sum_fields[field];
    size_t at = value_index(plan, field);
    for (size_t k = 1; k < info->count; k++) {
        *mutant = *plan;
        sum_plan_set(mutant, field, info->values[(at + k) % info->count].value);
        if (!sum_plan_check(mutant, 0, NULL))
            return true;
    }
    return false;
}
