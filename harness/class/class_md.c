/*
 * class_md.c: the page of a class in Markdown: what was said beside what was measured, and who was
 * surprised by what (class_page.h). Of a stranger's text there are labels and devices on it, which
 * are escaped.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/class/class_page.h"
#include "harness/error.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"

/* --- what it comes to --------------------------------------------------------------------------
 */

struct ranked {
    size_t lab, question;
    struct class_tally tally;
    double surprised; /* share of those scored */
};

static int by_surprise(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->surprised != y->surprised)
        return x->surprised < y->surprised ? 1 : -1;
    if (x->tally.scored != y->tally.scored)
        return x->tally.scored < y->tally.scored ? 1 : -1;
    return x->lab != y->lab ? (x->lab > y->lab ? 1 : -1) : (x->question > y->question ? 1 : -1);
}

static size_t surprised_by(const struct class_tally *t) {
    return t->counts[SCORE_OFF] + t->counts[SCORE_WRONG];
}

static void most_surprising(const struct class *c, FILE *out) {
    struct ranked list[CLASS_LABS_MOST * QUESTIONS_MOST];
    size_t count = 0;
    for (size_t l = 0; l < c->lab_count; l++)
        for (size_t q = 0; q < c->labs[l].questions.count; q++) {
            struct class_tally t = class_tally_of(c, l, q);
            if (t.scored && surprised_by(&t))
                list[count++] =
                    (struct ranked){l, q, t, (double)surprised_by(&t) / (double)t.scored};
        }
    if (count == 0)
        return;
    qsort(list, count, sizeof *list, by_surprise);
    fputs("What surprised most:\n\n", out);
    for (size_t k = 0; k < count && k < 3; k++) {
        const struct question *q = &c->labs[list[k].lab].questions.list[list[k].question];
        fprintf(out, "- **%zu of %zu:** ", surprised_by(&list[k].tally), list[k].tally.scored);
        escape_inline(out, q->text);
        fputs(" *Why it is so:* ", out);
        escape_inline(out, q->because);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static size_t predicting(const struct class *c) {
    size_t count = 0;
    for (size_t k = 0; k < c->count; k++) {
        bool any = false;
        for (size_t l = 0; l < c->lab_count; l++)
            any = any || (c->students[k].labs[l] && c->students[k].labs[l]->predicted &&
                          !c->students[k].labs[l]->scores.late);
        count += any;
    }
    return count;
}

static void list_of(const struct class *c, const json_t *list, const char *heading, FILE *out) {
    const json_t *one;
    size_t k;
    if (!json_array_size(list))
        return;
    fprintf(out, "> **%s:** %zu folder%s.", heading, json_array_size(list),
            json_array_size(list) == 1 ? "" : "s");
    fputs(c->names ? "\n\n" : " Which, and why, stands on the terminal of who made this page.\n\n",
          out);
    json_array_foreach(list, k, one) {
        if (!c->names)
            break;
        fputs("- ", out);
        escape_inline(out, json_string_value(json_object_get(one, "folder")));
        fputs(": ", out);
        escape_inline(out, json_string_value(json_object_get(one, "why")));
        fputc('\n', out);
    }
    fputs(c->names ? "\n" : "", out);
}

static void summary(const struct class *c, FILE *out) {
    size_t predicted = predicting(c);
    fprintf(out, "%zu student%s, %zu of whom predicted; %zu lab%s on %zu machine%s.\n\n", c->count,
            c->count == 1 ? "" : "s", predicted, c->lab_count, c->lab_count == 1 ? "" : "s",
            c->machine_count, c->machine_count == 1 ? "" : "s");
    list_of(c, c->left_out, "Left out", out);
    most_surprising(c, out);
}

/* --- one lab -----------------------------------------------------------------------------------
 */

static void share(size_t part, size_t all, FILE *out) {
    if (all == 0)
        fputs(" | –", out);
    else
        fprintf(out, " | %zu (%.0f %%)", part, 100.0 * (double)part / (double)all);
}

static void questions(const struct class *c, size_t lab, FILE *out) {
    const struct questions *qs = &c->labs[lab].questions;
    fputs("| | question | scored | right | close | surprised | median factor off | measured |\n"
          "|---|---|--:|--:|--:|--:|--:|---|\n",
          out);
    for (size_t k = 0; k < qs->count; k++) {
        const struct question *q = &qs->list[k];
        struct class_tally t = class_tally_of(c, lab, k);
        char number[UNITS_TEXT];
        if (t.asked == 0)
            continue;
        fprintf(out, "| %zu | ", k + 1);
        escape_inline(out, q->brief);
        fprintf(out, " | %zu", t.scored);
        share(t.counts[SCORE_RIGHT], t.scored, out);
        share(t.counts[SCORE_NEAR], t.scored, out);
        share(surprised_by(&t), t.scored, out);
        if (isnan(t.factor))
            fputs(" | –", out);
        else if (isinf(t.factor))
            fputs(" | no factor", out);
        else
            fprintf(out, " | %s", units_number(number, sizeof number, t.factor, "x"));
        if (q->unit && isfinite(t.low))
            fprintf(out, " | %s |\n",
                    units_interval(number, sizeof number, t.median, t.low, t.high, q->unit));
        else
            fputs(" | – |\n", out);
    }
    fputc('\n', out);
}

/* "●": what a score is known by. */
static const char *sign(enum score score) {
    static const char *const signs[SCORES] = {
        [SCORE_RIGHT] = "●",     [SCORE_WIDE] = "○",        [SCORE_NEAR] = "◐",
        [SCORE_OFF] = "✗",       [SCORE_WRONG] = "✗",       [SCORE_OPEN] = "○",
        [SCORE_NO_ANSWER] = "–", [SCORE_NOT_MEASURED] = "·"};
    return signs[score];
}

/* The questions that anybody was asked: their places; how many. */
static size_t asked_in(const struct class *c, size_t lab, size_t places[QUESTIONS_MOST]) {
    size_t count = 0;
    for (size_t k = 0; k < c->labs[lab].questions.count; k++)
        if (class_tally_of(c, lab, k).asked > 0)
            places[count++] = k;
    return count;
}

static void who(const struct class *c, size_t lab, FILE *out) {
    const struct questions *qs = &c->labs[lab].questions;
    size_t places[QUESTIONS_MOST], columns = asked_in(c, lab, places);
    char name[CLASS_NAME];
    fputs("### Who was surprised by what\n\n| student |", out);
    for (size_t k = 0; k < columns; k++)
        fprintf(out, " %zu |", places[k] + 1);
    fputs(" surprises |\n|---|", out);
    for (size_t k = 0; k < columns; k++)
        fputs("---|", out);
    fputs("--:|\n", out);
    for (size_t i = 0; i < c->count; i++) {
        const struct class_student *s = &c->students[i];
        size_t count = 0;
        if (!s->labs[lab] || !s->labs[lab]->predicted || s->labs[lab]->scores.late)
            continue;
        fputs("| ", out);
        escape_inline(out, class_name(c, s, name));
        for (size_t k = 0; k < columns; k++) {
            const struct scores_row *row = class_row(s, lab, qs->list[places[k]].id);
            fprintf(out, " | %s", row ? sign(row->scored.score) : "");
            count += row && score_is_surprise(row->scored.score);
        }
        fprintf(out, " | %zu |\n", count);
    }
    fputs("\n● right, ◐ close, ✗ a surprise, ○ a range too wide to say much, or a measurement that "
          "settles nothing, – no answer, · not measured there; empty: not asked.\n\n",
          out);
}

/* How many said what, and on whose machine it was right. */
static void choices(const struct class *c, size_t lab, size_t question, FILE *out) {
    const struct question *q = &c->labs[lab].questions.list[question];
    size_t said[QUESTION_CHOICES] = {0}, right[QUESTION_CHOICES] = {0};
    for (size_t k = 0; k < c->count; k++) {
        const struct class_student *s = &c->students[k];
        const struct scores_row *row = class_row(s, lab, q->id);
        if (row && row->guess.kind == GUESS_CHOICE)
            said[row->guess.choice]++;
        for (size_t i = 0; s->labs[lab] && i < q->choice_count; i++)
            right[i] += s->labs[lab]->measured[question].state == MEASURED &&
                        s->labs[lab]->measured[question].right[i];
    }
    fputs("| choice | said by | measured by |\n|---|--:|--:|\n", out);
    for (size_t i = 0; i < q->choice_count; i++) {
        fputs("| ", out);
        escape_inline(out, q->choices[i].text);
        fprintf(out, " | %zu | %zu |\n", said[i], right[i]);
    }
    fputc('\n', out);
}

/* The plot's marks, as counts and ends. */
static void words(const struct class *c, size_t lab, size_t question, FILE *out) {
    const struct question *q = &c->labs[lab].questions.list[question];
    struct class_tally t = class_tally_of(c, lab, question);
    double low = INFINITY, high = 0;
    size_t said = 0, ranges = 0;
    char first[UNITS_TEXT], last[UNITS_TEXT];
    for (size_t k = 0; k < c->count; k++) {
        const struct scores_row *row = class_row(&c->students[k], lab, q->id);
        if (!row || row->guess.kind != GUESS_NUMBER)
            continue;
        said++;
        ranges += row->guess.low < row->guess.high;
        low = fmin(low, row->guess.low);
        high = fmax(high, row->guess.high);
    }
    if (said == 0)
        return;
    fprintf(out,
            "*" REPORT_IN_WORDS "*\n\n"
            "- To the right: what was asked for, on a scale of factors.\n"
            "- Upward: students, by what they said.\n"
            "- said: %zu answer%s, %zu of them a range; the least %s, the most %s.\n",
            said, said == 1 ? "" : "s", ranges, units_number(first, sizeof first, low, q->unit),
            units_number(last, sizeof last, high, q->unit));
    if (t.measured)
        fprintf(out, "- measured: by %zu; the least %s, the most %s.\n", t.measured,
                units_number(first, sizeof first, t.low, q->unit),
                units_number(last, sizeof last, t.high, q->unit));
    fprintf(out,
            "- right: %zu; close: %zu; surprised: %zu; too wide, or not settled: %zu; not measured "
            "there: %zu.\n\n",
            t.counts[SCORE_RIGHT], t.counts[SCORE_NEAR], surprised_by(&t),
            t.counts[SCORE_WIDE] + t.counts[SCORE_OPEN], t.counts[SCORE_NOT_MEASURED]);
}

/* Each answer: a part of the page that opens, by its heading (report_html.c). */
static void numbers(const struct class *c, size_t lab, size_t question, FILE *out) {
    const struct question *q = &c->labs[lab].questions.list[question];
    char name[CLASS_NAME], said[GUESS_TEXT], measured[MEASURED_TEXT], score[SCORE_TEXT];
    fprintf(out,
            "*Numbers behind question %zu*\n\n| student | said | measured | score |\n"
            "|---|---|---|---|\n",
            question + 1);
    for (size_t k = 0; k < c->count; k++) {
        const struct scores_row *row = class_row(&c->students[k], lab, q->id);
        if (!row)
            continue;
        fputs("| ", out);
        escape_inline(out, class_name(c, &c->students[k], name));
        fputs(" | ", out);
        escape_inline(out, guess_text(q, &row->guess, said));
        fputs(" | ", out);
        escape_inline(out, measured_text(q, &row->measured, measured));
        fputs(" | ", out);
        escape_inline(out, score_text(&row->scored, score));
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static const struct class_plot *plot_of(const struct class_page *page, size_t lab,
                                        size_t question) {
    for (size_t k = 0; k < page->plot_count; k++)
        if (page->plots[k].lab == lab && page->plots[k].question == question)
            return &page->plots[k];
    return NULL;
}

static void one_question(const struct class_page *page, size_t lab, size_t question, FILE *out) {
    const struct class *c = page->c;
    const struct question *q = &c->labs[lab].questions.list[question];
    const struct class_plot *plot = plot_of(page, lab, question);
    struct class_tally t = class_tally_of(c, lab, question);
    if (t.asked == 0)
        return;
    fprintf(out, "### %zu: ", question + 1);
    escape_inline(out, q->text);
    fputs("\n\n", out);
    if (plot && plot->set.images[0].have)
        fprintf(out, "![%s](%s/plots/%s.svg)\n\n", plot->set.legend.shown[0].title, plot->folder,
                plot->set.legend.shown[0].name);
    if (q->choice_count) {
        choices(c, lab, question, out);
    } else {
        words(c, lab, question, out);
        numbers(c, lab, question, out);
    }
    fputs("*Why it is so:* ", out);
    escape_inline(out, q->because);
    fputs("\n\n", out);
}

static void one_lab(const struct class_page *page, size_t lab, FILE *out) {
    const struct class *c = page->c;
    size_t places[QUESTIONS_MOST];
    if (asked_in(c, lab, places) == 0)
        return;
    fputs("## Lab ", out);
    escape_inline(out, c->labs[lab].name);
    fputs("\n\n", out);
    questions(c, lab, out);
    who(c, lab, out);
    for (size_t k = 0; k < c->labs[lab].questions.count; k++)
        one_question(page, lab, k, out);
}

int class_markdown(const struct class_page *page, FILE *out) {
    fputs("# nanolab class\n\n", out);
    summary(page->c, out);
    if (*page->no_plots)
        fputs("> **No plots**, or not all: they could not be drawn where this page was made.\n\n",
              out);
    for (size_t k = 0; k < page->c->lab_count; k++)
        one_lab(page, k, out);
    int status = class_markdown_machines(page, out);
    if (status != 0)
        return status;
    class_markdown_claims(page, out);
    fputs(
        "## How this was scored\n\n"
        "- A number is right where it meets the interval that the student's own machine measured, "
        "and close within the factor that the question allows; on a scale of factors, 2 times "
        "too large is as far off as 2 times too small.\n"
        "- A range is right where it meets the interval: who is not sure is not punished for "
        "saying so. One that is too wide to say much is counted apart.\n"
        "- What a machine did not measure is not scored. Answers given after the run do not "
        "count.\n"
        "- Students are numbered by a hash of what they measured, which tells nobody's name.\n",
        out);
    return 0;
}
