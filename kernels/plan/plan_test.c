/*
 * plan_test.c: a family of small boxes, all of whose plans can be counted by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>

#include "kernels/plan/plan.h"

#define COLOURS(V) V(5, "red") V(-1, "green") V(7, "blue")
#define SIZES(V)                                                                                   \
    V(1, "n1")                                                                                     \
    V(2, "n2")                                                                                     \
    V(3, "n3")                                                                                     \
    V(4, "n4") V(5, "n5") V(6, "n6") V(7, "n7") V(8, "n8") V(9, "n9") V(10, "n10") V(11, "n11")
#define LIDS(V) V(0, "open") V(1, "shut")
#define LOCKS(V) V(0, "free") V(1, "locked")

#define BOX_FIELDS(X)                                                                              \
    X(colour, COLOURS, "paint")                                                                    \
    X(size, SIZES, "litres") X(lid, LIDS, "the top") X(lock, LOCKS, "the key")

struct box {
    double unused; /* the fields need not come first */
    int lock, lid, size, colour;
};
enum { COLOUR, SIZE, LID, LOCK, FIELDS };

BOX_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(box, name, what)
static const struct plan_field box_fields[] = {BOX_FIELDS(FIELD)};

/* Red boxes hold at most three litres, and only a shut box of an even size is locked: 25 sizes and
 * colours, open or shut, and 1 + 5 + 5 of them locked. */
enum { LEGAL = 25 * 2 + 11 };

static int box_rules(const void *of, char *why) {
    const struct box *box = of;
    assert_in_range(box->size, 1, 11);
    if (box->colour == 5 && box->size > 3)
        PLAN_REFUSE("no red paint for %d litres", box->size);
    if (box->lock && (!box->lid || box->size % 2))
        PLAN_REFUSE("a locked box is shut and of an even size");
    return 0;
}

static const struct plan_family boxes = {.name = "a box",
                                         .example = "red.n2",
                                         .size = sizeof(struct box),
                                         .fields = box_fields,
                                         .count = FIELDS,
                                         .counts = 1u << SIZE,
                                         .rules = box_rules};
static const struct box small = {.colour = 5, .size = 1};

static void text_and_back(void **state) {
    (void)state;
    struct box box = small;
    char text[PLAN_TEXT], why[PLAN_WHY];
    unsigned named;
    assert_string_equal(plan_text(&boxes, &box, text), "red.n1.open.free");
    assert_int_equal(plan_parse(&boxes, "shut.n11.green", &box, &named, why), 0);
    assert_int_equal(named, 1u << LID | 1u << SIZE | 1u << COLOUR);
    assert_true(box.colour == -1 && box.size == 11 && box.lid == 1 && box.lock == 0);
    assert_false(plan_equal(&boxes, &box, &small));
    /* What is no field counts for nothing. */
    struct box same = box;
    same.unused = 1;
    assert_true(plan_equal(&boxes, &box, &same));
    /* Legal or not: the caller may yet fit the other fields. */
    assert_int_equal(plan_parse(&boxes, "red", &box, &named, NULL), 0);
    assert_int_equal(named, 1u << COLOUR);
    box.size = 12;
    assert_string_equal(plan_text(&boxes, &box, text), "red.?.shut.free");
}

static void wrong_words(void **state) {
    (void)state;
    const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "'' is no word of a box; an id is made of words such as 'red.n2'"},
        {"red.", "'' is no word"},
        {".red", "'' is no word"},
        {"re", "'re' is no word"},
        {"redd", "'redd' is no word"},
        {"Red", "'Red' is no word"},
        {"n1.shut.n2", "a plan has one 'size': litres; 'n2' is a second one"},
        {"n1.n1", "'n1' is a second one"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        struct box box = small;
        char why[PLAN_WHY];
        unsigned named;
        assert_int_equal(plan_parse(&boxes, wrong[k].text, &box, &named, why), -1);
        if (!strstr(why, wrong[k].why))
            fail_msg("%s: %s", wrong[k].text, why);
        assert_int_equal(plan_parse(&boxes, wrong[k].text, &box, &named, NULL), -1);
    }
}

static void record(void **state) {
    (void)state;
    struct box box = {.colour = 7, .size = 4, .lid = 2};
    json_t *object = plan_json(&boxes, &box);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_string_equal(text, "{\"colour\":\"blue\",\"size\":4,\"lid\":\"?\",\"lock\":\"free\"}");
    free(text);
    json_decref(object);
}

/* box_rules itself fails the test if it is asked about a value of no list. */
static void values_are_checked_before_rules(void **state) {
    (void)state;
    struct box box = small;
    char why[PLAN_WHY];
    assert_int_equal(plan_check(&boxes, &box, why), 0);
    box.size = 4;
    assert_int_equal(plan_check(&boxes, &box, why), -1);
    assert_string_equal(why, "no red paint for 4 litres");
    box.size = 1000;
    assert_int_equal(plan_check(&boxes, &box, why), -1);
    assert_string_equal(why, "1000 is no value of the plan field 'size' (litres)");
    assert_int_equal(plan_check(&boxes, &box, NULL), -1);
}

/* Place in the order of the lists. */
static long rank(const struct box *box) {
    long rank = 0;
    for (size_t f = 0; f < FIELDS; f++) {
        size_t k = 0;
        while (box_fields[f].values[k].value != plan_get(&boxes, box, f))
            k++;
        rank = rank * 16 + (long)k;
    }
    return rank;
}

static void all_in_order(void **state) {
    (void)state;
    struct plan_list list;
    assert_int_equal(plan_all(&boxes, 0, &small, &list), 0);
    assert_int_equal(list.count, LEGAL);
    const struct box *plans = list.plans;
    for (size_t k = 0; k < list.count; k++) {
        assert_int_equal(plan_check(&boxes, &plans[k], NULL), 0);
        assert_true(k == 0 || rank(&plans[k - 1]) < rank(&plans[k]));
    }
    free(list.plans);
    assert_int_equal(plan_all(&boxes, 1u << COLOUR | 1u << LID, &small, &list), 0);
    assert_int_equal(list.count, 3);
    free(list.plans);
    struct box none = {.colour = 5, .size = 11};
    assert_int_equal(plan_all(&boxes, 1u << COLOUR | 1u << SIZE, &none, &list), 0);
    assert_true(list.count == 0 && !list.plans);
}

static bool holds(const struct plan_list *list, size_t f, int a, size_t g, int b) {
    const struct box *plans = list->plans;
    for (size_t k = 0; k < list->count; k++)
        if (plan_get(&boxes, &plans[k], f) == a && plan_get(&boxes, &plans[k], g) == b)
            return true;
    return false;
}

static void pairs_are_those_of_all(void **state) {
    (void)state;
    const unsigned masks[] = {0, 1u << COLOUR, 1u << LOCK, 1u << LID | 1u << SIZE};
    const struct box fixed = {.colour = 7, .size = 6, .lid = 1, .lock = 1};
    for (size_t m = 0; m < sizeof masks / sizeof masks[0]; m++) {
        struct plan_list all, few, again;
        assert_int_equal(plan_all(&boxes, masks[m], &fixed, &all), 0);
        assert_int_equal(plan_pairs(&boxes, masks[m], &fixed, &few), 0);
        for (size_t f = 0; f < FIELDS; f++)
            for (size_t g = f + 1; g < FIELDS; g++)
                for (size_t i = 0; i < box_fields[f].count; i++)
                    for (size_t j = 0; j < box_fields[g].count; j++) {
                        int a = box_fields[f].values[i].value, b = box_fields[g].values[j].value;
                        assert_int_equal(holds(&all, f, a, g, b), holds(&few, f, a, g, b));
                    }
        const struct box *plans = few.plans;
        for (size_t k = 0; k < few.count; k++)
            assert_int_equal(plan_check(&boxes, &plans[k], NULL), 0);
        assert_true(few.count <= all.count);
        if (!masks[m])
            assert_in_range(few.count, 25, 35); /* colours × sizes need 25 */
        assert_int_equal(plan_pairs(&boxes, masks[m], &fixed, &again), 0);
        assert_int_equal(few.count, again.count);
        assert_memory_equal(few.plans, again.plans, few.count * sizeof(struct box));
        free(all.plans);
        free(few.plans);
        free(again.plans);
    }
    struct plan_list list;
    struct box none = {.colour = 5, .size = 11};
    assert_int_equal(plan_pairs(&boxes, 1u << COLOUR | 1u << SIZE, &none, &list), 0);
    assert_true(list.count == 0 && !list.plans);
}

static void mutants_step_over_what_is_illegal(void **state) {
    (void)state;
    struct box box = {.colour = 7, .size = 10, .lid = 1, .lock = 1}, mutant;
    assert_true(plan_mutant(&boxes, &box, COLOUR, &mutant)); /* over red */
    assert_true(mutant.colour == -1 && mutant.size == 10 && mutant.lid && mutant.lock);
    assert_true(plan_mutant(&boxes, &box, SIZE, &mutant)); /* over 11 and 1, round the end */
    assert_true(mutant.colour == 7 && mutant.size == 2 && mutant.lid && mutant.lock);
    assert_false(plan_mutant(&boxes, &box, LID, &mutant));
    assert_true(plan_mutant(&boxes, &box, LOCK, &mutant));
    assert_false(mutant.lock);
    box = mutant;
    assert_true(plan_mutant(&boxes, &box, SIZE, &mutant));
    assert_int_equal(mutant.size, 11); /* the last of the list is one, too */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(wrong_words),
        cmocka_unit_test(record),
        cmocka_unit_test(values_are_checked_before_rules),
        cmocka_unit_test(all_in_order),
        cmocka_unit_test(pairs_are_those_of_all),
        cmocka_unit_test(mutants_step_over_what_is_illegal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
