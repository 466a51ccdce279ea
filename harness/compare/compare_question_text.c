/*
 * compare_question_text.c: questions that both sides answered by plans of their own, in words and
 * as JSON (compare_question.h).
 */
#include <string.h>

#include "harness/compare/compare_question.h"
#include "harness/text.h"

const struct compare_kind *compare_questions_shown(const struct compare_questions *q) {
    const struct compare_kind *most = NULL;
    for (size_t k = 0; k < q->kind_count; k++)
        if (q->kinds[k].is_fp32_sum && q->kinds[k].part.first &&
            (!most || q->kinds[k].all.differ > most->all.differ))
            most = &q->kinds[k];
    return most;
}

/* --- as JSON -----------------------------------------------------------------------------------
 */

static json_t *tally_json(struct compare_tally n) {
    return json_pack("{s:I, s:I, s:I}", "equal", (json_int_t)n.equal, "differ",
                     (json_int_t)n.differ, "vary", (json_int_t)n.vary);
}

/* [{"id", "device"}, …]; null: none. */
static json_t *two_json(const struct compare_two *two) {
    if (!two->first || !two->second)
        return json_null();
    return json_pack("[{s:s, s:s}, {s:s, s:s}]", "id", two->first->id, "device", two->first->device,
                     "id", two->second->id, "device", two->second->device);
}

static json_t *part_json(const struct compare_two *two) {
    struct compare_trees trees;
    if (compare_two_trees(two, &trees) != 0 || trees.tree[0].under == 0)
        return json_null();
    return json_pack("{s:o, s:s, s:[s, s]}", "cases", two_json(two), "place", trees.place, "parts",
                     trees.tree[0].part, trees.tree[1].part);
}

static json_t *kind_json(const struct compare_kind *kind) {
    return json_pack("{s:s, s:I, s:I, s:[I, I], s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "kind",
                     kind->name, "questions", (json_int_t)kind->questions, "with_equal_bits",
                     (json_int_t)kind->shared, "plans", (json_int_t)kind->plans[0],
                     (json_int_t)kind->plans[1], "pairs", tally_json(kind->all), "one_tree",
                     tally_json(kind->one_tree), "one_tree_across", (json_int_t)kind->across,
                     "other_tree", (json_int_t)kind->other_tree, "such_as", two_json(&kind->same),
                     "trees_part", part_json(&kind->part), "wrong", two_json(&kind->wrong));
}

json_t *compare_questions_json(const struct compare *c) {
    const struct compare_questions *q = c->questions;
    json_t *kinds = json_array(), *fields = json_array();
    for (size_t k = 0; k < q->kind_count; k++)
        json_array_append_new(kinds, kind_json(&q->kinds[k]));
    for (size_t k = 0; k < q->field_count; k++)
        json_array_append_new(fields, json_pack("{s:s, s:o, s:o}", "field", q->fields[k].field,
                                                "pairs", tally_json(q->fields[k].pairs), "such_as",
                                                two_json(&q->fields[k].such_as)));
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:s?}", "questions", (json_int_t)q->questions,
                     "wrong", (json_int_t)q->wrong, "trees_left_out", (json_int_t)q->trees_left_out,
                     "fields_left_out", (json_int_t)q->fields_left_out, "kinds", kinds, "fields",
                     fields, "none_because", *q->no_questions ? q->no_questions : NULL);
}

/* --- in words ----------------------------------------------------------------------------------
 */

static void print_two(const struct compare_two *two, FILE *to) {
    const struct compare_case *cases[] = {two->first, two->second};
    for (size_t s = 0; two->first && s < 2; s++) {
        fprintf(to, "      %c: ", (char)('A' + s));
        text_print(to, cases[s]->id);
        fprintf(to, " (%s)\n", cases[s]->device);
    }
}

static void print_kind(const struct compare_kind *kind, FILE *to) {
    fprintf(to, "  %s, %zu question%s by %zu and %zu plans: equal in %zu of %zu pairs", kind->name,
            kind->questions, kind->questions == 1 ? "" : "s", kind->plans[0], kind->plans[1],
            kind->all.equal, compare_tally_count(kind->all));
    if (compare_tally_count(kind->one_tree) > 0)
        fprintf(to, ", with one tree in %zu of %zu", kind->one_tree.equal,
                compare_tally_count(kind->one_tree));
    fputc('\n', to);
}

static void print_wrong(const struct compare_questions *q, FILE *to) {
    for (size_t k = 0; k < q->kind_count; k++) {
        if (q->kinds[k].one_tree.differ == 0)
            continue;
        fprintf(to, "  ONE TREE AND OTHER BITS in %zu pairs of %s, such as\n",
                q->kinds[k].one_tree.differ, q->kinds[k].name);
        print_two(&q->kinds[k].wrong, to);
    }
}

static void print_part(const struct compare_questions *q, FILE *to) {
    const struct compare_kind *kind = compare_questions_shown(q);
    struct compare_trees trees;
    if (!kind || compare_two_trees(&kind->part, &trees) != 0 || trees.tree[0].under == 0)
        return;
    fprintf(to, "  other bits where trees part, such as at %s: %s in A, %s in B\n", trees.place,
            trees.tree[0].part, trees.tree[1].part);
    print_two(&kind->part, to);
}

void compare_questions_print(const struct compare *c, FILE *to) {
    const struct compare_questions *q = c->questions;
    if (*q->no_questions)
        fprintf(to, "\nBits of one question by unlike plans: not compared: %s.\n", q->no_questions);
    if (q->questions + q->field_count == 0)
        return;
    fprintf(to, "\nBits of one question by unlike plans, %zu question%s:\n", q->questions,
            q->questions == 1 ? "" : "s");
    print_wrong(q, to);
    for (size_t k = 0; k < q->kind_count; k++)
        print_kind(&q->kinds[k], to);
    if (q->left_out > 0)
        fprintf(to, "  and %zu questions of other kinds\n", q->left_out);
    for (size_t k = 0; k < q->field_count; k++) {
        const struct compare_alone *f = &q->fields[k];
        fprintf(to, "  where %s alone differs: equal in %zu of %zu pairs\n", f->field,
                f->pairs.equal, compare_tally_count(f->pairs));
    }
    print_part(q, to);
    if (q->fields_left_out > 0)
        fprintf(to, "  of %zu questions no field was looked for: it would take too long\n",
                q->fields_left_out);
    if (q->trees_left_out > 0)
        fprintf(to, "  %zu trees were not computed: they would take too long\n", q->trees_left_out);
}
