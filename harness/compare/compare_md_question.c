/*
 * compare_md_question.c: a comparison's page: bits of one question that the two sides answered by
 * plans of their own (compare_page.h, compare_question.h).
 */
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_question.h"
#include "harness/page/escape.h"
#include "harness/page/units.h"

static void count(FILE *out, size_t n) {
    char text[UNITS_TEXT];
    fputs(units_count(text, sizeof text, (long long)n), out);
}

/* "12 of 30" */
static void equal_cell(struct compare_tally n, FILE *out) {
    if (compare_tally_count(n) == 0) {
        fputs("–", out);
        return;
    }
    count(out, n.equal);
    fputs(" of ", out);
    count(out, compare_tally_count(n));
}

static void case_item(char side, const struct compare_case *c, FILE *out) {
    fprintf(out, "- %c: ", side);
    escape_inline(out, c->id);
    fprintf(out, " (%s)\n", c->device);
}

static void wrong(const struct compare_questions *q, char letter, FILE *out) {
    for (size_t k = 0; k < q->kind_count; k++) {
        const struct compare_kind *kind = &q->kinds[k];
        if (kind->one_tree.differ == 0)
            continue;
        fprintf(out, "**One tree and other bits in ");
        count(out, kind->one_tree.differ);
        fputs(" pairs of ", out);
        escape_inline(out, kind->name);
        fputs(kind->wrong.first ? "**, such as\n\n" : "**.\n\n", out);
        if (!kind->wrong.first)
            continue;
        case_item('A', kind->wrong.first, out);
        case_item(letter, kind->wrong.second, out);
        fputc('\n', out);
    }
}

static void kinds(const struct compare_questions *q, FILE *out) {
    if (q->kind_count == 0)
        return;
    fputs("| question | how many | plans, A and the other | pairs with equal bits | of those with "
          "one tree |\n|---|--:|--:|--:|--:|\n",
          out);
    for (size_t k = 0; k < q->kind_count; k++) {
        const struct compare_kind *kind = &q->kinds[k];
        fputs("| ", out);
        escape_inline(out, kind->name);
        fputs(" | ", out);
        count(out, kind->questions);
        fputs(" | ", out);
        count(out, kind->plans[0]);
        fputs(" and ", out);
        count(out, kind->plans[1]);
        fputs(" | ", out);
        equal_cell(kind->all, out);
        fputs(" | ", out);
        equal_cell(kind->one_tree, out);
        fputs(" |\n", out);
    }
    fputc('\n', out);
    if (q->left_out > 0)
        fprintf(out, "And %zu questions of other kinds.\n\n", q->left_out);
    if (q->fields_left_out > 0)
        fprintf(out, "Of %zu questions no field was looked for: it would take too long.\n\n",
                q->fields_left_out);
    if (q->trees_left_out > 0)
        fprintf(out, "%zu trees were not computed: they would take too long.\n\n",
                q->trees_left_out);
}

static void fields(const struct compare_questions *q, FILE *out) {
    if (q->field_count == 0)
        return;
    fputs("| field that alone differs | pairs with equal bits | such as |\n|---|--:|---|\n", out);
    for (size_t k = 0; k < q->field_count; k++) {
        const struct compare_alone *field = &q->fields[k];
        fputs("| ", out);
        escape_inline(out, field->field);
        fputs(" | ", out);
        equal_cell(field->pairs, out);
        fputs(" | ", out);
        escape_inline(out, field->such_as.first->id);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

/* Where the trees of two plans part, and with them the bits. */
static void part(const struct compare_questions *q, char letter, FILE *out) {
    const struct compare_kind *kind = compare_questions_shown(q);
    struct compare_trees trees;
    if (!kind || compare_two_trees(&kind->part, &trees) != 0 || trees.tree[0].under == 0)
        return;
    fputs("Where trees part, so may the bits; such as at ", out);
    escape_inline(out, trees.place);
    fputs(", ", out);
    escape_inline(out, trees.tree[0].part);
    fputs(" in A and ", out);
    escape_inline(out, trees.tree[1].part);
    fprintf(out, " in %c:\n\n", letter);
    case_item('A', kind->part.first, out);
    case_item(letter, kind->part.second, out);
    fputc('\n', out);
}

void compare_markdown_questions(const struct compare_section *section, FILE *out) {
    const struct compare_questions *q = section->c->questions;
    const char letter = *section->letter;
    if (!*q->no_questions && q->questions + q->field_count == 0)
        return;
    fputs("### Bits of one question by unlike plans\n\n", out);
    if (*q->no_questions)
        fprintf(out, "Not compared: %s.\n\n", q->no_questions);
    else
        fputs("The same operation on the same data, by plans that only one side has. Two that add "
              "in one order, one tree, must have equal bits on any device; trees are computed from "
              "the plans, for up to ",
              out);
    if (!*q->no_questions) {
        count(out, COMPARE_PREDICTED);
        fputs(" inputs.\n\n", out);
    }
    wrong(q, letter, out);
    kinds(q, out);
    fields(q, out);
    part(q, letter, out);
}
