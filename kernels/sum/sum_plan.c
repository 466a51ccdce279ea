/*
 * sum_plan.c: what is done with a plan without running it: its text, its JSON record, what is
 * legal, and the sizes and counts that follow from it. All of it walks the field table, which the
 * lists of sum.h make; no field is named here but in the rules of sum_plan_check and in the
 * arithmetic. (sum_enumerate.c makes many plans.)
 */
#include "kernels/sum/sum.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "kernels/sum/binned.h"
#include "kernels/sum/exact.h"

#define SUM_VALUE(value, word) {value, word},
#define SUM_VALUES(name, values, what)                                                             \
    static const struct sum_value name##_values[] = {values(SUM_VALUE)};
SUM_PLAN_FIELDS(SUM_VALUES)

#define SUM_FIELD(name, values, what)                                                              \
    {#name, what, offsetof(struct sum_plan, name), name##_values,                                  \
     sizeof name##_values / sizeof name##_values[0]},
const struct sum_field sum_fields[SUM_FIELDS] = {SUM_PLAN_FIELDS(SUM_FIELD)};

/* Blocks' values that the kernel of one thread is allowed to walk: more takes seconds. */
#define SUM_THREAD_MOST ((size_t)1 << 24)
/* Static limit of dynamic shared memory that every device grants without being asked. */
#define SUM_SHARED_MOST ((size_t)48 << 10)
/* A grid's first dimension. */
#define SUM_GRID_MOST ((size_t)INT32_MAX)

int sum_plan_get(const struct sum_plan *plan, enum sum_field_id field) {
    int value;
    memcpy(&value, (const char *)plan + sum_fields[field].offset, sizeof value);
    return value;
}

void sum_plan_set(struct sum_plan *plan, enum sum_field_id field, int value) {
    memcpy((char *)plan + sum_fields[field].offset, &value, sizeof value);
}

bool sum_plan_equal(const struct sum_plan *a, const struct sum_plan *b) {
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
        if (sum_plan_get(a, f) != sum_plan_get(b, f))
            return false;
    return true;
}

struct sum_plan sum_plan_default(void) {
    struct sum_plan plan = {.type = SUM_F32,
                            .acc = SUM_ACC32,
                            .method = SUM_PLAIN,
                            .input = SUM_OF_X,
                            .access = SUM_STRIDED,
                            .vector = 4,
                            .items = 8,
                            .block = 256,
                            .grid = SUM_GRID_TILES,
                            .warp = SUM_SHFL_DOWN,
                            .merge = SUM_WARP,
                            .final = SUM_BY_BLOCK};
    return plan;
}

/* --- text --------------------------------------------------------------------------------------
 */

static const struct sum_value *find_value(const struct sum_field *field, int value) {
    for (size_t k = 0; k < field->count; k++)
        if (field->values[k].value == value)
            return &field->values[k];
    return NULL;
}

char *sum_plan_text(const struct sum_plan *plan, char *out) {
    size_t used = 0;
    out[0] = 0;
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++) {
        const struct sum_value *value = find_value(&sum_fields[f], sum_plan_get(plan, f));
        int more =
            snprintf(out + used, SUM_TEXT - used, "%s%s", f ? "." : "", value ? value->word : "?");
        if (more < 0 || (size_t)more >= SUM_TEXT - used)
            break;
        used += (size_t)more;
    }
    return out;
}

/* Words are unique over all fields, so a word says which field it is. */
static int set_word(struct sum_plan *plan, unsigned *seen, const char *word, size_t length,
                    char *why) {
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++) {
        for (size_t k = 0; k < sum_fields[f].count; k++) {
            const struct sum_value *value = &sum_fields[f].values[k];
            if (strlen(value->word) != length || memcmp(value->word, word, length))
                continue;
            if (*seen & 1u << f) {
                snprintf(why, SUM_WHY, "a plan has one '%s': %s; '%s' is a second one",
                         sum_fields[f].name, sum_fields[f].what, value->word);
                return -1;
            }
            *seen |= 1u << f;
            sum_plan_set(plan, f, value->value);
            return 0;
        }
    }
    snprintf(why, SUM_WHY, "'%.*s' is no word of a sum plan; an id is made of words such as '%s'",
             length > 40 ? 40 : (int)length, word, "f32.strided.v4.i8.b256.tiles.shfl-down");
    return -1;
}

int sum_plan_parse(const char *text, struct sum_plan *plan, char *why) {
    struct sum_plan parsed = sum_plan_default();
    unsigned seen = 0;
    for (const char *word = text;;) {
        size_t length = strcspn(word, ".");
        if (set_word(&parsed, &seen, word, length, why))
            return -1;
        if (!word[length])
            break;
        word += length + 1;
    }
    if (!(seen & SUM_FIELD_BIT(acc)) && parsed.type == SUM_F64)
        parsed.acc = SUM_ACC64;
    /* "i1" alone should not fail because the default plan's loads are four wide. */
    if (!(seen & SUM_FIELD_BIT(vector)))
        while (parsed.items % parsed.vector)
            parsed.vector /= 2;
    if (sum_plan_check(&parsed, 0, why))
        return -1;
    *plan = parsed;
    return 0;
}

json_t *sum_plan_json(const struct sum_plan *plan) {
    json_t *object = json_object();
    for (enum sum_field_id f = 0; object && f < SUM_FIELDS; f++) {
        int value = sum_plan_get(plan, f);
        const struct sum_value *known = find_value(&sum_fields[f], value);
        bool number = f == SUM_FIELD_vector || f == SUM_FIELD_items || f == SUM_FIELD_block;
        json_t *member = number ? json_integer(value) : json_string(known ? known->word : "?");
        if (json_object_set_new(object, sum_fields[f].name, member)) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

/* --- what is legal -----------------------------------------------------------------------------
 */

#define REFUSE(...)                                                                                \
    do {                                                                                           \
        if (why)                                                                                   \
            snprintf(why, SUM_WHY, __VA_ARGS__);                                                   \
        return -1;                                                                                 \
    } while (0)

int sum_plan_check(const struct sum_plan *plan, size_t n, char *why) {
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
        if (!find_value(&sum_fields[f], sum_plan_get(plan, f)))
            REFUSE("%d is no value of the plan field '%s' (%s)", sum_plan_get(plan, f),
                   sum_fields[f].name, sum_fields[f].what);
    if (plan->type == SUM_F64 && plan->acc == SUM_ACC32)
        REFUSE("f64 inputs do not fit an f32 accumulator: use acc64");
    if (plan->items % plan->vector)
        REFUSE("%d items a thread are no whole number of %d-element loads: use v%d or less",
               plan->items, plan->vector, plan->items);
    size_t shared = sum_shared_bytes(plan);
    if (shared > SUM_SHARED_MOST)
        REFUSE("a block of %d threads with %zu-byte accumulators needs %zu bytes of shared "
               "memory for this warp step, and has %zu: use a smaller block or a shuffle",
               plan->block, sum_state_bytes(plan), shared, SUM_SHARED_MOST);
    if (!n)
        return 0;
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid == SUM_GRID_TILES && tiles > SUM_GRID_MOST)
        REFUSE("%zu inputs make %zu tiles, and a grid has at most %zu blocks: use a fixed grid", n,
               tiles, SUM_GRID_MOST);
    if (plan->final == SUM_BY_THREAD && sum_grid(plan, n) > SUM_THREAD_MOST)
        REFUSE("%zu blocks' values are too many for one thread: at most %zu", sum_grid(plan, n),
               SUM_THREAD_MOST);
    return 0;
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

size_t sum_type_bytes(enum sum_type type) {
    return type == SUM_F64 ? 8 : type == SUM_F32 ? 4 : 2;
}

size_t sum_result_bytes(const struct sum_plan *plan) {
    return plan->acc == SUM_ACC64 ? 8 : 4;
}

size_t sum_state_bytes(const struct sum_plan *plan) {
    bool wide = plan->acc == SUM_ACC64;
    switch (plan->method) {
    case SUM_PLAIN:
        return sum_result_bytes(plan);
    case SUM_COMPENSATED:
        return 2 * sum_result_bytes(plan);
    case SUM_BINNED:
        return wide ? sizeof(struct binned_f64) : sizeof(struct binned_f32);
    default:
        return wide ? sizeof(struct exact_f64) : sizeof(struct exact_f32);
    }
}

size_t sum_grid(const struct sum_plan *plan, size_t n) {
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid != SUM_GRID_TILES && tiles > (size_t)plan->grid)
        tiles = (size_t)plan->grid;
    return tiles;
}

size_t sum_launches(const struct sum_plan *plan, size_t n) {
    size_t blocks = sum_grid(plan, n);
    if (blocks <= 1 || plan->final == SUM_BY_LAST)
        return 1;
    size_t launches = 2;
    if (plan->final == SUM_BY_KERNEL)
        for (blocks = sum_grid(plan, blocks); blocks > 1; blocks = sum_grid(plan, blocks))
            launches++;
    return launches;
}

size_t sum_shared_bytes(const struct sum_plan *plan) {
    size_t slots = 32; /* one for each warp */
    if (plan->warp == SUM_SHARED_SEQ || plan->warp == SUM_SHARED_INTER)
        slots += (size_t)plan->block;
    return slots * sum_state_bytes(plan);
}

size_t sum_workspace_bytes(const struct sum_plan *plan, size_t n) {
    size_t blocks = sum_grid(plan, n);
    size_t states = blocks;
    if (plan->final == SUM_BY_KERNEL)
        states += sum_grid(plan, blocks);
    return SUM_WORKSPACE_HEAD + states * sum_state_bytes(plan);
}

double sum_bytes_moved(const struct sum_plan *plan, size_t n) {
    double bytes = (double)n * (double)sum_type_bytes((enum sum_type)plan->type);
    if (plan->input == SUM_OF_PRODUCTS)
        bytes *= 2;
    size_t blocks = sum_grid(plan, n);
    double states = 0;
    while (blocks > 1) {
        states += 2 * (double)blocks;
        blocks = plan->final == SUM_BY_KERNEL ? sum_grid(plan, blocks) : 1;
    }
    return bytes + states * (double)sum_state_bytes(plan) + (double)sum_result_bytes(plan);
}

double sum_flops(const struct sum_plan *plan, size_t n) {
    double adds = n ? (double)n - 1 : 0;
    double flops = plan->input == SUM_OF_PRODUCTS ? (double)n : 0;
    if (plan->method == SUM_COMPENSATED)
        return flops + 7 * adds; /* TwoSum's six and the one that adds the error */
    return flops + adds;
}

bool sum_same_bits(enum sum_acc acc, uint64_t a, uint64_t b) {
    uint64_t infinity = acc == SUM_ACC64 ? 0x7ff0000000000000u : 0x7f800000u;
    uint64_t sign = acc == SUM_ACC64 ? 0x8000000000000000u : 0x80000000u;
    bool nan_a = (a & ~sign) > infinity, nan_b = (b & ~sign) > infinity;
    return nan_a || nan_b ? nan_a && nan_b : a == b;
}
