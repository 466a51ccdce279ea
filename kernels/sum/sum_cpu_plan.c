/*
 * sum_cpu_plan.c: the native sum's plans as text, JSON and sets; nothing here runs one. Only the
 * rules of sum_cpu_plan_check and the default know fields by name.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/sum/sum_cpu_kernels.h"

#define SUM_CPU_VALUE(value, word) {value, word},
#define SUM_CPU_VALUES(name, values, what)                                                         \
    static const struct sum_value name##_values[] = {values(SUM_CPU_VALUE)};
SUM_CPU_PLAN_FIELDS(SUM_CPU_VALUES)

#define SUM_CPU_FIELD(name, values, what)                                                          \
    {#name, what, offsetof(struct sum_cpu_plan, name), name##_values,                              \
     sizeof name##_values / sizeof name##_values[0]},
const struct sum_field sum_cpu_fields[SUM_CPU_FIELDS] = {SUM_CPU_PLAN_FIELDS(SUM_CPU_FIELD)};

/* Fields whose words are a letter and their number. */
#define COUNTS                                                                                     \
    (SUM_CPU_FIELD_BIT(lanes) | SUM_CPU_FIELD_BIT(unroll) | SUM_CPU_FIELD_BIT(streams) |           \
     SUM_CPU_FIELD_BIT(span) | SUM_CPU_FIELD_BIT(prefetch) | SUM_CPU_FIELD_BIT(threads))

int sum_cpu_plan_get(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field) {
    int value;
    memcpy(&value, (const char *)plan + sum_cpu_fields[field].offset, sizeof value);
    return value;
}

void sum_cpu_plan_set(struct sum_cpu_plan *plan, enum sum_cpu_field_id field, int value) {
    memcpy((char *)plan + sum_cpu_fields[field].offset, &value, sizeof value);
}

bool sum_cpu_plan_equal(const struct sum_cpu_plan *a, const struct sum_cpu_plan *b) {
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++)
        if (sum_cpu_plan_get(a, f) != sum_cpu_plan_get(b, f))
            return false;
    return true;
}

struct sum_cpu_plan sum_cpu_plan_default(enum sum_type type, enum sum_method method, size_t n,
                                         int threads) {
    /* Eight lanes run equally fast on AVX2 and AVX-512, so that the default's bits are not those of
     * one machine; the reproducible sum's bits do not depend on it. Where the sizes part was
     * measured on a Zen 4 with 1 MiB of second-level cache. */
    size_t bytes = n * sum_type_bytes(type);
    bool binned = method == SUM_BINNED, wide = type == SUM_F64;
    bool small = bytes<(size_t)128 << 10, large = bytes>(size_t) 4 << 20;
    struct sum_cpu_plan plan = {.type = (int)type,
                                .acc = wide ? SUM_ACC64 : SUM_ACC32,
                                .method = (int)method,
                                .lanes = binned && !wide ? 16 : 8,
                                .unroll = small ? 8 : 4,
                                .streams = small ? 1 : 4,
                                .span = small || large ? SUM_CPU_WHOLE : 1024,
                                .prefetch = 0,
                                .threads = small ? 1 : threads,
                                .accumulate = SUM_CPU_ACCS_TREE,
                                .fold = SUM_CPU_LANES_HALVES,
                                .join = SUM_CPU_JOIN_SERIAL};
    if (binned) {
        plan.unroll = large ? 2 : 1;
        plan.streams = large ? 1 : 4;
        plan.span = large ? SUM_CPU_WHOLE : 1024;
    }
    return plan;
}

/* --- text ------------------------------------------------------------------------------------- */

/* Index of a value in its field's list, or the list's length. */
static size_t index_of(enum sum_cpu_field_id field, int value) {
    size_t k = 0;
    while (k < sum_cpu_fields[field].count && sum_cpu_fields[field].values[k].value != value)
        k++;
    return k;
}

static const char *word_of(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field) {
    size_t k = index_of(field, sum_cpu_plan_get(plan, field));
    return k < sum_cpu_fields[field].count ? sum_cpu_fields[field].values[k].word : "?";
}

char *sum_cpu_plan_text(const struct sum_cpu_plan *plan, char *out) {
    size_t used = 0;
    out[0] = 0;
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++) {
        int more = snprintf(out + used, SUM_TEXT - used, "%s%s", f ? "." : "", word_of(plan, f));
        if (more < 0 || (size_t)more >= SUM_TEXT - used)
            break;
        used += (size_t)more;
    }
    return out;
}

/* Words are unique over all fields, so a word says which field it is. */
static int set_word(struct sum_cpu_plan *plan, unsigned *seen, const char *word, size_t length,
                    char *why) {
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++) {
        for (size_t k = 0; k < sum_cpu_fields[f].count; k++) {
            const struct sum_value *value = &sum_cpu_fields[f].values[k];
            if (strlen(value->word) != length || memcmp(value->word, word, length))
                continue;
            if (*seen & 1u << f) {
                snprintf(why, SUM_WHY, "a plan has one '%s' (%s): '%s' is a second one",
                         sum_cpu_fields[f].name, sum_cpu_fields[f].what, value->word);
                return -1;
            }
            *seen |= 1u << f;
            sum_cpu_plan_set(plan, f, value->value);
            return 0;
        }
    }
    snprintf(why, SUM_WHY, "'%.*s' is no word of a native sum's plan; an id looks like '%s'",
             length > 40 ? 40 : (int)length, word, "f32.plain.l16.u2.s4.e1k.pf16k.t2");
    return -1;
}

int sum_cpu_plan_parse(const char *text, struct sum_cpu_plan *plan, char *why) {
    struct sum_cpu_plan parsed = sum_cpu_plan_default(SUM_F32, SUM_PLAIN, 0, 1);
    unsigned seen = 0;
    for (const char *word = text;;) {
        size_t length = strcspn(word, ".");
        if (set_word(&parsed, &seen, word, length, why))
            return -1;
        if (!word[length])
            break;
        word += length + 1;
    }
    /* Fields not named should not make the named ones illegal. */
    if (!(seen & SUM_CPU_FIELD_BIT(acc)) && parsed.type == SUM_F64)
        parsed.acc = SUM_ACC64;
    if (!(seen & SUM_CPU_FIELD_BIT(unroll)))
        while (parsed.unroll * parsed.streams > SUM_CPU_ACCUMULATORS)
            parsed.unroll /= 2;
    if (sum_cpu_plan_check(&parsed, why))
        return -1;
    *plan = parsed;
    return 0;
}

json_t *sum_cpu_plan_json(const struct sum_cpu_plan *plan) {
    json_t *object = json_object();
    for (enum sum_cpu_field_id f = 0; object && f < SUM_CPU_FIELDS; f++) {
        json_t *member = COUNTS & 1u << f ? json_integer(sum_cpu_plan_get(plan, f))
                                          : json_string(word_of(plan, f));
        if (json_object_set_new(object, sum_cpu_fields[f].name, member)) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

/* --- what is legal ---------------------------------------------------------------------------- */

#define REFUSE(...)                                                                                \
    do {                                                                                           \
        if (why)                                                                                   \
            snprintf(why, SUM_WHY, __VA_ARGS__);                                                   \
        return -1;                                                                                 \
    } while (0)

int sum_cpu_plan_check(const struct sum_cpu_plan *plan, char *why) {
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++) {
        int value = sum_cpu_plan_get(plan, f);
        if (index_of(f, value) == sum_cpu_fields[f].count)
            REFUSE("%d is no value of the plan field '%s' (%s)", value, sum_cpu_fields[f].name,
                   sum_cpu_fields[f].what);
    }
    if (plan->type == SUM_F64 && plan->acc == SUM_ACC32)
        REFUSE("f64 inputs do not fit an f32 accumulator: use acc64");
    if ((plan->type == SUM_BF16 || plan->type == SUM_F16) && plan->acc == SUM_ACC64)
        REFUSE("bf16 and f16 inputs are summed in f32 here: use acc32");
    if (plan->streams * plan->unroll > SUM_CPU_ACCUMULATORS)
        REFUSE("%d streams of %d accumulators are more than the %d that fit the registers",
               plan->streams, plan->unroll, SUM_CPU_ACCUMULATORS);
    if (plan->streams == 1 && plan->span != SUM_CPU_WHOLE)
        REFUSE("one stream takes everything: its span is 'whole'");
    return 0;
}

/* --- sets of plans ---------------------------------------------------------------------------- */

struct plan_list {
    struct sum_cpu_plan *plans;
    size_t count, room;
};

static int list_add(struct plan_list *list, const struct sum_cpu_plan *plan) {
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct sum_cpu_plan *grown = realloc(list->plans, room * sizeof *grown);
        if (!grown)
            return -1;
        list->plans = grown;
        list->room = room;
    }
    list->plans[list->count++] = *plan;
    return 0;
}

static int add_all(const struct sum_cpu_choice *choice, struct sum_cpu_plan *plan,
                   enum sum_cpu_field_id f, struct plan_list *list) {
    if (f == SUM_CPU_FIELDS)
        return sum_cpu_plan_check(plan, NULL) ? 0 : list_add(list, plan);
    if (choice->mask & 1u << f)
        return add_all(choice, plan, f + 1, list);
    for (size_t k = 0; k < sum_cpu_fields[f].count; k++) {
        sum_cpu_plan_set(plan, f, sum_cpu_fields[f].values[k].value);
        if (add_all(choice, plan, f + 1, list))
            return -1;
    }
    return 0;
}

static int hand_over(struct plan_list *list, int status, struct sum_cpu_plan **plans,
                     size_t *count) {
    if (status) {
        free(list->plans);
        return -1;
    }
    *plans = list->plans;
    *count = list->count;
    return 0;
}

int sum_cpu_plans_all(const struct sum_cpu_choice *choice, struct sum_cpu_plan **plans,
                      size_t *count) {
    struct plan_list list = {0};
    struct sum_cpu_plan plan = choice->fixed;
    return hand_over(&list, add_all(choice, &plan, 0, &list), plans, count);
}

enum { MOST_VALUES = 8 };

/* done[f][i][g][j], f < g: value i of f beside value j of g is in a plan, or in no legal one. */
struct pair_square {
    bool done[SUM_CPU_FIELDS][MOST_VALUES][SUM_CPU_FIELDS][MOST_VALUES];
};

static size_t value_index(const struct sum_cpu_plan *plan, enum sum_cpu_field_id f) {
    return index_of(f, sum_cpu_plan_get(plan, f));
}

static bool *pair_of(struct pair_square *square, const struct sum_cpu_plan *plan,
                     enum sum_cpu_field_id f, enum sum_cpu_field_id g) {
    enum sum_cpu_field_id low = f < g ? f : g, high = f < g ? g : f;
    return &square->done[low][value_index(plan, low)][high][value_index(plan, high)];
}

/* Sets the fields that are not in `set`, each to the value with the most pairs still to do (the
 * search starts at `turn`, so that ties take turns); backs up where nothing legal is left. */
static bool complete(struct pair_square *square, struct sum_cpu_plan *plan, unsigned set,
                     size_t turn) {
    enum sum_cpu_field_id f = 0;
    while (f < SUM_CPU_FIELDS && set & 1u << f)
        f++;
    if (f == SUM_CPU_FIELDS)
        return !sum_cpu_plan_check(plan, NULL);
    bool tried[MOST_VALUES] = {false};
    size_t count = sum_cpu_fields[f].count;
    for (size_t round = 0; round < count; round++) {
        size_t best = count;
        int best_gain = -1;
        for (size_t k = 0; k < count; k++) {
            size_t at = (k + turn) % count;
            int gain = 0;
            sum_cpu_plan_set(plan, f, sum_cpu_fields[f].values[at].value);
            for (enum sum_cpu_field_id g = 0; g < SUM_CPU_FIELDS; g++)
                gain += g != f && set & 1u << g && !*pair_of(square, plan, f, g);
            if (!tried[at] && gain > best_gain) {
                best = at;
                best_gain = gain;
            }
        }
        tried[best] = true;
        sum_cpu_plan_set(plan, f, sum_cpu_fields[f].values[best].value);
        if (complete(square, plan, set | 1u << f, turn))
            return true;
    }
    return false;
}

/* A legal plan of the choice with value i of f and j of g. */
static bool plan_with(const struct sum_cpu_choice *choice, struct pair_square *square,
                      struct sum_cpu_plan *plan, enum sum_cpu_field_id f, size_t i,
                      enum sum_cpu_field_id g, size_t j, size_t turn) {
    unsigned set = choice->mask | 1u << f | 1u << g;
    *plan = choice->fixed;
    sum_cpu_plan_set(plan, f, sum_cpu_fields[f].values[i].value);
    sum_cpu_plan_set(plan, g, sum_cpu_fields[g].values[j].value);
    for (enum sum_cpu_field_id h = 0; h < SUM_CPU_FIELDS; h++)
        if (choice->mask & 1u << h &&
            sum_cpu_plan_get(plan, h) != sum_cpu_plan_get(&choice->fixed, h))
            return false;
    return complete(square, plan, set, turn);
}

/* One plan for a pair not done yet. 1: added; 0: there is none; -1: no memory. */
static int cover(const struct sum_cpu_choice *choice, struct pair_square *square,
                 struct plan_list *list, enum sum_cpu_field_id f, size_t i, enum sum_cpu_field_id g,
                 size_t j) {
    struct sum_cpu_plan plan;
    square->done[f][i][g][j] = true;
    if (!plan_with(choice, square, &plan, f, i, g, j, list->count))
        return 0;
    for (enum sum_cpu_field_id a = 0; a < SUM_CPU_FIELDS; a++)
        for (enum sum_cpu_field_id b = a + 1; b < SUM_CPU_FIELDS; b++)
            *pair_of(square, &plan, a, b) = true;
    return list_add(list, &plan) ? -1 : 1;
}

int sum_cpu_plans_pairs(const struct sum_cpu_choice *choice, struct sum_cpu_plan **plans,
                        size_t *count) {
    struct plan_list list = {0};
    struct pair_square *square = calloc(1, sizeof *square);
    int status = square ? 0 : -1;
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++)
        for (size_t i = 0; i < sum_cpu_fields[f].count; i++)
            for (enum sum_cpu_field_id g = f + 1; g < SUM_CPU_FIELDS; g++)
                for (size_t j = 0; j < sum_cpu_fields[g].count && status >= 0; j++)
                    if (!square->done[f][i][g][j])
                        status = cover(choice, square, &list, f, i, g, j);
    free(square);
    return hand_over(&list, status < 0, plans, count);
}

bool sum_cpu_plan_mutant(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field,
                         struct sum_cpu_plan *mutant) {
    const struct sum_field *info = &sum_cpu_fields[field];
    size_t at = value_index(plan, field);
    for (size_t k = 1; k < info->count; k++) {
        *mutant = *plan;
        sum_cpu_plan_set(mutant, field, info->values[(at + k) % info->count].value);
        if (!sum_cpu_plan_check(mutant, NULL))
            return true;
    }
    return false;
}

/* --- arithmetic ------------------------------------------------------------------------------- */

double sum_cpu_bytes_moved(const struct sum_cpu_plan *plan, size_t n) {
    return (double)n * (double)sum_type_bytes((enum sum_type)plan->type) +
           (plan->acc == SUM_ACC64 ? 8 : 4);
}

double sum_cpu_flops(const struct sum_cpu_plan *plan, size_t n) {
    return (n ? (double)n - 1 : 0) * (plan->method == SUM_COMPENSATED ? 7 : 1);
}
