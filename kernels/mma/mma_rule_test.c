/*
 * mma_rule_test.c: the rules against published measurements, against the definition in doubles, and
 * against what is known of single sums.
 *
 * NANOLAB_MMA_VECTORS names another folder of measurements to check instead of vectors/ (see the
 * README there for the form of its files).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mma/mma_rule.h"
#include "kernels/mma/mma_rule_fixture.h"

/* --- measured vectors --------------------------------------------------------------------------
 */

enum { MOST_K = 32, MOST_SETS = 100 };

struct vector {
    float a[MOST_K], b[MOST_K], c, d;
};
struct set {
    char card[20], format[12];
    enum element in, out;
    int k;
    size_t count;
    struct vector *vectors;
};
static struct set sets[MOST_SETS];
static size_t set_count;

/* A float's pattern in hex, its last zeros left out. */
static bool read_number(const char *word, float *out) {
    char digits[9];
    if (strcmp(word, "-") == 0)
        return false;
    snprintf(digits, sizeof digits, "%s00000000", word);
    uint32_t bits = (uint32_t)strtoul(digits, NULL, 16);
    memcpy(out, &bits, sizeof bits);
    return true;
}

static enum element element_of(const char *format) {
    static const struct {
        const char *word;
        enum element element;
    } words[] = {{"fp16", ELEMENT_F16},
                 {"bf16", ELEMENT_BF16},
                 {"tf32", ELEMENT_TF32},
                 {"e4m3", ELEMENT_E4M3},
                 {"e5m2", ELEMENT_E5M2}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(words[i].word, format) == 0)
            return words[i].element;
    fail_msg("no format \"%s\"", format);
    return ELEMENTS;
}

static void add(struct set *set, const struct vector *vector) {
    set->vectors = realloc(set->vectors, (set->count + 1) * sizeof *set->vectors);
    assert_non_null(set->vectors);
    set->vectors[set->count++] = *vector;
}

/* "# CARD CARD…, FORMAT inputs, K=n." and lines of a, b, and for each card c, d in FP32, d in FP16.
 */
static void read_file(const char *path) {
    char line[8192], cards[200], format[12];
    int k;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_int_equal(sscanf(line, "# %199[^,], %11s inputs, K=%d", cards, format, &k), 3);
    assert_in_range(k, 1, MOST_K);
    size_t first = set_count;
    for (char *card = strtok(cards, " "); card; card = strtok(NULL, " "))
        for (int half = 0; half < 2; half++) {
            assert_true(set_count < MOST_SETS);
            struct set *set = &sets[set_count++];
            *set = (struct set){.in = element_of(format), .k = k};
            set->out = half ? ELEMENT_F16 : ELEMENT_F32;
            snprintf(set->card, sizeof set->card, "%s", card);
            snprintf(set->format, sizeof set->format, "%s", format);
        }
    while (fgets(line, sizeof line, file)) {
        struct vector v = {{0}};
        char *word = strtok(line, " \n");
        for (int i = 0; i < 2 * k; i++, word = strtok(NULL, " \n"))
            assert_true(word && read_number(word, i < k ? &v.a[i] : &v.b[i - k]));
        for (size_t s = first; s < set_count; s += 2) {
            float c;
            assert_true(word && read_number(word, &c));
            for (int half = 0; half < 2; half++) {
                word = strtok(NULL, " \n");
                assert_non_null(word);
                v.c = half ? element_from_f16(element_to_f16((double)c)) : c;
                if (read_number(word, &v.d))
                    add(&sets[s + (size_t)half], &v);
            }
            word = strtok(NULL, " \n");
        }
        assert_null(word);
    }
    fclose(file);
    for (size_t s = first; s < set_count;)
        if (sets[s].count)
            s++;
        else /* not measured */
            memmove(&sets[s], &sets[s + 1], (--set_count - s) * sizeof *sets);
}

static int read_all(void **state) {
    (void)state;
    fixture_each_file(getenv("NANOLAB_MMA_VECTORS"), "kernels/mma/vectors", read_file);
    return 0;
}
static int free_all(void **state) {
    (void)state;
    for (size_t s = 0; s < set_count; s++)
        free(sets[s].vectors);
    return 0;
}

/* 8-bit formats to FP32 were measured on Hopper through wgmma, with c = 0. */
static bool by_wgmma(const struct set *set) {
    return element_bytes(set->in) == 1 && set->out == ELEMENT_F32 && set->card[0] == 'H';
}
static const struct mma_rule *rule_of(const struct set *set) {
    const struct mma_rule *rule =
        mma_rule_find(set->card, by_wgmma(set) ? MMA_WGMMA : MMA_SYNC, set->in, set->out);
    if (!rule)
        fail_msg("no rule for %s %s", set->card, set->format);
    return rule;
}

typedef float dot_function(const struct mma_rule *rule, const float *a, const float *b, size_t k,
                           float c);

static size_t lost_of(const struct set *set, const struct mma_rule *rule, dot_function *dot) {
    size_t lost = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct vector *v = &set->vectors[i];
        float d = dot(rule, v->a, v->b, (size_t)set->k, by_wgmma(set) ? 0 : v->c);
        lost += memcmp(&d, &v->d, sizeof d) != 0;
    }
    return lost;
}

static void measured_vectors(void **state) {
    (void)state;
    size_t all = 0, lost = 0;
    for (size_t s = 0; s < set_count; s++) {
        size_t wrong = lost_of(&sets[s], rule_of(&sets[s]), mma_dot);
        if (wrong)
            print_error("%s %s to %s: %zu of %zu differ\n", sets[s].card, sets[s].format,
                        element_word(sets[s].out), wrong, sets[s].count);
        all += sets[s].count;
        lost += wrong;
    }
    print_message("%zu sets, %zu of %zu vectors\n", set_count, all - lost, all);
    assert_int_equal(lost, 0);
    assert_true(getenv("NANOLAB_MMA_VECTORS") || (set_count == 48 && all == 14400));
}

/* The evidence that the table claims is the evidence that there is. */
static void measured_rows_are_measured(void **state) {
    (void)state;
    const struct mma_rule *rule;
    if (getenv("NANOLAB_MMA_VECTORS"))
        skip();
    for (size_t i = 0; (rule = mma_rule_at(i)); i++) {
        bool found = false;
        for (size_t s = 0; s < set_count; s++)
            found |= rule_of(&sets[s]) == rule;
        bool short_block = rule->in == ELEMENT_TF32 && rule->block > 4; /* four products each */
        if (found != (rule->evidence == MMA_MEASURED) && !(found && short_block))
            fail_msg("%s %s %s to %s: measured or not?", rule->card, mma_form_name(rule->form),
                     element_word(rule->in), element_word(rule->out));
    }
}

/* --- wrong rules -------------------------------------------------------------------------------
 */

static float normalised(const struct mma_rule *rule, const float *a, const float *b, size_t k,
                        float c) {
    return rule->sum == MMA_ALIGNED ? fixture_dot(rule, a, b, k, c, true)
                                    : mma_dot(rule, a, b, k, c);
}
static void less_fraction(struct mma_rule *r) {
    r->fraction--;
}
static void more_fraction(struct mma_rule *r) {
    r->fraction++;
}
static void half_block(struct mma_rule *r) {
    r->block /= 2;
}
static void twice_block(struct mma_rule *r) {
    r->block *= 2;
}
static void half_k(struct mma_rule *r) {
    r->k /= 2;
}
static void other_rounding(struct mma_rule *r) {
    r->rounding = r->rounding == MMA_TOWARD_ZERO ? MMA_NEAREST_EVEN : MMA_TOWARD_ZERO;
}
static void less_out(struct mma_rule *r) {
    r->out_fraction--;
}
static void full_out(struct mma_rule *r) {
    r->out_fraction = r->out == ELEMENT_F16 ? 10 : 23;
}
static void one_step(struct mma_rule *r) {
    if (r->sum == MMA_TWO_STEPS) {
        r->sum = MMA_ALIGNED;
        r->block = 32;
    }
}
static void two_steps(struct mma_rule *r) {
    if (r->in == ELEMENT_E4M3 || r->in == ELEMENT_E5M2)
        r->sum = MMA_TWO_STEPS;
}
static void chained(struct mma_rule *r) {
    r->sum = MMA_CHAIN;
    r->chains = 1;
}
static void unchanged(struct mma_rule *r) {
    (void)r;
}

/* What one wrong value in a rule costs. Floors and least exponents are not seen by any vector:
 * mma_rule_sums_test.c. */
static void wrong_rules_are_seen(void **state) {
    (void)state;
    static const struct {
        const char *what;
        void (*change)(struct mma_rule *);
        dot_function *dot;
    } wrong[] = {
        {"fraction - 1", less_fraction, mma_dot},
        {"fraction + 1", more_fraction, mma_dot},
        {"block / 2", half_block, mma_dot},
        {"block * 2", twice_block, mma_dot},
        {"k / 2", half_k, mma_dot},
        {"the other rounding", other_rounding, mma_dot},
        {"one bit less of the result", less_out, mma_dot},
        {"all bits of the result", full_out, mma_dot},
        {"8-bit in one step where it is two", one_step, mma_dot},
        {"8-bit in two steps", two_steps, mma_dot},
        {"fused multiply-adds", chained, mma_dot},
        {"products normalised first", unchanged, normalised},
    };
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        size_t all = 0, lost = 0;
        for (size_t s = 0; s < set_count; s++) {
            struct mma_rule rule = *rule_of(&sets[s]), right = rule;
            wrong[w].change(&rule);
            bool same = memcmp(&rule, &right, sizeof rule) == 0 && wrong[w].dot == mma_dot;
            if (same) /* this set's rule has that value anyway */
                continue;
            all += sets[s].count;
            lost += lost_of(&sets[s], &rule, wrong[w].dot);
        }
        print_message("%-40s loses %zu of %zu\n", wrong[w].what, lost, all);
        assert_true(lost > 0);
    }
}

/* On one card, the variants that come to mind. */
static void wrong_variants_of_one_card(void **state) {
    (void)state;
    for (size_t s = 0; s < set_count; s++) {
        const struct set *set = &sets[s];
        if (strcmp(set->card, "H200") != 0 || set->in != ELEMENT_F16 || set->out != ELEMENT_F32)
            continue;
        struct mma_rule f24 = *rule_of(set), f26 = f24, split = f24;
        f24.fraction = 24;
        f26.fraction = 26;
        split.block = 8;
        size_t lost[] = {lost_of(set, &f24, mma_dot), lost_of(set, &f26, mma_dot),
                         lost_of(set, rule_of(set), normalised), lost_of(set, &split, mma_dot)};
        print_message("H200 f16 of %zu: F = 24 loses %zu, F = 26 %zu, normalised products %zu, "
                      "8 + 8 %zu\n",
                      set->count, lost[0], lost[1], lost[2], lost[3]);
        for (int i = 0; i < 4; i++)
            assert_true(lost[i] > set->count / 20);
        return;
    }
    skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_vectors),
        cmocka_unit_test(measured_rows_are_measured),
        cmocka_unit_test(wrong_rules_are_seen),
        cmocka_unit_test(wrong_variants_of_one_card),
    };
    return cmocka_run_group_tests_name("mma_rule", tests, read_all, free_all);
}
