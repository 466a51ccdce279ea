/* report_md.c: the page in Markdown (report.h). Our own words and the lab's README and plot.gp are
 * written as they are; whatever comes from the result folder goes through escape_markdown(). */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "harness/page/escape.h"
#include "harness/page/plot_words.h"
#include "harness/page/report.h"
#include "harness/page/table.h"
#include "harness/page/units.h"

#define TABLE_ROWS_SHOWN 40

/* A claim's entries by verdict, and the single checks behind them. */
struct tally {
    long long marks[MARKS], checked, held;
};

static void add_claims(struct tally *tally, const json_t *claims) {
    const json_t *entry;
    size_t k;
    json_array_foreach(claims, k, entry) {
        tally->marks[claim_mark(entry)]++;
        tally->checked = claim_add(tally->checked, claim_count(entry, "checked"));
        tally->held = claim_add(tally->held, claim_count(entry, "held"));
    }
}

static void grouped(FILE *out, long long number) {
    char text[UNITS_TEXT];
    fputs(units_count(text, sizeof text, number), out);
}

/* The first line of a README, "Lab 01: float staging", or the folder's name. */
static void title(const struct report_lab *lab, FILE *out) {
    if (lab->readme && !strncmp(lab->readme, "# ", 2))
        fprintf(out, "%.*s", (int)strcspn(lab->readme + 2, "\n"), lab->readme + 2);
    else
        fprintf(out, "Lab %s", lab->name);
}

/* A section of the lab's README without its heading; its length, 0 if there is none. */
static size_t section(const struct report_lab *lab, const char *heading, const char *end_mark,
                      const char **text) {
    char mark[80];
    snprintf(mark, sizeof mark, "\n## %s\n", heading);
    const char *at = lab->readme ? strcasestr(lab->readme, mark) : NULL;
    if (!at)
        return 0;
    at += strlen(mark);
    at += strspn(at, "\n");
    const char *end = strstr(at, end_mark);
    *text = at;
    return end ? (size_t)(end - at) : strlen(at);
}

/* What the lab asks: the sentence in bold that its README's first paragraph begins with, and what
 * explains it; without such a sentence all of it is the question. */
struct question {
    const char *text, *rest;
    size_t length, rest_length;
};

static struct question question_of(const struct report_lab *lab) {
    struct question q = {0};
    q.length = section(lab, "Question", "\n\n", &q.text);
    const char *end = q.length > 4 && !strncmp(q.text, "**", 2)
                          ? memmem(q.text + 2, q.length - 2, "**", 2)
                          : NULL;
    if (end) {
        size_t lead = (size_t)(end - q.text) + 2;
        q.rest = q.text + lead;
        q.rest_length = q.length - lead;
        q.length = lead;
        while (q.rest_length && strchr(" \n", *q.rest))
            q.rest++, q.rest_length--;
    }
    return q;
}

/* Labs that were asked for and have not begun. */
static void still_to_come(const struct report *report, FILE *out) {
    const json_t *labs = json_object_get(json_object_get(report->run, "run"), "labs");
    size_t count = 0;
    for (size_t k = 0; k < json_array_size(labs) && k < LIMIT_LABS; k++) {
        const char *name = json_string_value(json_array_get(labs, k));
        size_t have = 0;
        while (name && have < report->lab_count && strcmp(report->labs[have].name, name))
            have++;
        if (!name || have < report->lab_count)
            continue;
        fputs(count++ ? ", " : "> **Still to come:** ", out);
        escape_inline(out, name);
    }
    if (count)
        fputs(". This page shows what is there so far; `nanolab run --resume` goes on with a run "
              "that was stopped.\n\n",
              out);
}

static void partial(const struct report *report, FILE *out) {
    for (size_t k = 0; k < report->lab_count; k++) {
        const struct report_lab *lab = &report->labs[k];
        if (lab->reader->end)
            continue;
        fprintf(out,
                "> **%s is partial:** it was stopped before its end. What is here is valid; "
                "`nanolab run --resume` finishes it.",
                lab->name);
        if (json_array_size(lab->ignored))
            fprintf(out,
                    " Until then it has no verdicts and no tables: %zu file%s that nothing seals "
                    "%s ignored.",
                    json_array_size(lab->ignored), json_array_size(lab->ignored) == 1 ? "" : "s",
                    json_array_size(lab->ignored) == 1 ? "is" : "are");
        fputs("\n\n", out);
    }
    still_to_come(report, out);
    if (*report->checked->predictions_wrong)
        fputs("> **What was predicted is left out:** `predictions.json` does not fit its format; "
              "`nanolab verify` says where.\n\n",
              out);
}

/* What was asked and what came out, a line for each lab. */
static void overview(const struct report *report, int marks, FILE *out) {
    fputs("| lab and question |", out);
    for (int m = 0; m < marks; m++)
        fprintf(out, " %s |", report_sign(m));
    fputs("\n|---|", out);
    for (int m = 0; m < marks; m++)
        fputs("--:|", out);
    fputc('\n', out);
    for (size_t k = 0; k < report->lab_count; k++) {
        const struct report_lab *lab = &report->labs[k];
        struct question q = question_of(lab);
        struct tally one = {0};
        add_claims(&one, lab->claims);
        fputs("| **", out);
        title(lab, out);
        fputs(q.length ? "**: " : "**", out);
        size_t stars = q.rest ? 2 : 0;
        for (size_t c = stars; c + stars < q.length; c++) /* in one line */
            fputc(strchr("\n|", q.text[c]) ? ' ' : q.text[c], out);
        for (int m = 0; m < marks; m++)
            fprintf(out, " | %lld", one.marks[m]);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static struct tally tally_of(const struct report *report) {
    struct tally tally = {0};
    for (size_t k = 0; k < report->lab_count; k++)
        add_claims(&tally, report->labs[k].claims);
    return tally;
}

static void in_all(const struct report *report, FILE *out) {
    struct tally tally = tally_of(report);
    for (int m = 0; m < MARK_BROKEN; m++)
        fprintf(out, "%s%s %lld %s", m ? ", " : "", report_sign(m), tally.marks[m],
                claim_mark_words(m));
    fputs("; of ", out);
    grouped(out, tally.checked);
    fputs(" single checks behind them ", out);
    grouped(out, tally.held);
    fputs(" came out as claimed.\n\n", out);
}

static void summary(const struct report *report, FILE *out) {
    long long broken = tally_of(report).marks[MARK_BROKEN];
    if (broken)
        fprintf(out,
                "> **A predicted bit did not hold (%lld claim%s, marked below).** That is a bug of "
                "nanolab, not a finding about the machine; please report it with this folder.\n\n",
                broken, broken == 1 ? "" : "s");
    partial(report, out);
    if (report->lab_count > 1) {
        overview(report, broken ? MARKS : MARK_BROKEN, out);
        in_all(report, out);
    }
}

static void legend(const struct report *report, FILE *out) {
    fputs("## How to read a verdict\n\n", out);
    if (report->lab_count == 1)
        in_all(report, out);
    fputs("- ✔ **Confirmed:** measured here, by a check that could have come out the other way.\n"
          "- ✘ **Refuted:** measured here, and false as stated: checks went against it.\n"
          "- ◐ **Bounded:** true only in the range given, or not settled by these samples.\n"
          "- ○ **Not testable here:** something it needs is missing; that is never a pass.\n\n"
          "A single check held, went against the claim, or is open: its 95 % interval includes "
          "the threshold. A verdict belongs to this run on this device; each lab's `claims.json` "
          "names the cases it rests on.\n\n",
          out);
}

static int uses(const json_t *start, const char *part, const char *device) {
    const json_t *list = json_object_get(start, part);
    for (size_t k = 0; k < json_array_size(list); k++) {
        const char *id = json_string_value(json_array_get(list, k));
        if (id && !strncmp(id, device, strlen(device)))
            return 1;
    }
    return 0;
}

static void devices(const struct report_lab *lab, FILE *out) {
    const json_t *start = lab->reader->start;
    static const char *const parts[] = {"bits", "time"};
    fputs("Devices:", out);
    for (int p = 0; p < 2; p++) {
        const json_t *list = json_object_get(start, parts[p]);
        fprintf(out, "%s %s on ", p ? ";" : "", parts[p]);
        for (size_t k = 0; k < json_array_size(list); k++) {
            fputs(k ? ", " : "", out);
            escape_inline(out, json_string_value(json_array_get(list, k)));
        }
        if (!json_array_size(list))
            fputs("none", out);
    }
    fputs(". ", out);
    grouped(out, (long long)lab->reader->case_count);
    fputs(" cases.", out);
    if (uses(start, "bits", "simt") || uses(start, "time", "simt"))
        fputs(" **simt** is a simulated GPU: bits, no timings.", out);
    if (uses(start, "bits", "ptx"))
        fputs(" **ptx** is what nvcc made of the kernels, PTX, on the CPU: bits, no timings.", out);
    if (uses(start, "bits", "sass:"))
        fputs(" **sass** is the kernels' machine code, SASS, on the CPU: bits, no timings.", out);
    fputs("\n\n", out);
}

static void show_table(const struct report_lab *lab, const struct legend_shown *shown, FILE *out) {
    char file[LEGEND_WORD + 8];
    struct table table;
    snprintf(file, sizeof file, "%s.tsv", shown->name);
    if (!reader_seals(lab->reader, file))
        return;
    fprintf(out, "### %s\n\n", shown->title);
    if (table_read(&lab->reader->folder, file, &table)) {
        fputs("This table cannot be shown: its file is damaged.\n\n", out);
        return;
    }
    report_table(&table, json_object_get(lab->reader->start, "quantities"), TABLE_ROWS_SHOWN, out);
    if (table.rows > TABLE_ROWS_SHOWN)
        fprintf(out, "The first %d of %zu rows; all are in `%s/%s`.\n\n", TABLE_ROWS_SHOWN,
                table.rows, lab->name, file);
    if (*shown->text)
        fprintf(out, "%s\n\n", shown->text);
    table_free(&table);
}

/* The plot that the page begins with: the one that plot.gp calls so, or the first with data; NULL:
 * none. */
static const struct legend_shown *front(const struct report_lab *lab) {
    const struct legend *legend = &lab->plots.legend;
    for (int named = 1; named >= 0; named--)
        for (size_t k = 0; k < legend->shown_count; k++)
            if (plot_has_data(&lab->plots, k) && legend->shown[k].is_front >= named)
                return &legend->shown[k];
    return NULL;
}

/* A picture, and the same in words: for those who cannot see it, and where it could not be drawn.
 * The line above the words is a mark for report_html.c, which makes a part that opens of them. */
static void figure(const struct report_lab *lab, const struct legend_shown *shown, FILE *out) {
    size_t k = (size_t)(shown - lab->plots.legend.shown);
    if (lab->plots.images[k].have)
        fprintf(out, "![%s](%s/plots/%s.svg)\n\n", shown->title, lab->name, shown->name);
    if (*shown->text)
        fprintf(out, "%s\n\n", shown->text);
    fputs("*" REPORT_IN_WORDS "*\n\n", out);
    plot_words(&lab->plots, k, json_object_get(lab->reader->start, "quantities"), true, out);
    fputc('\n', out);
}

static bool any_is_drawn(const struct report_lab *lab) {
    for (size_t k = 0; k < lab->plots.legend.shown_count; k++)
        if (lab->plots.images[k].have)
            return true;
    return false;
}

static void first_figure(const struct report_lab *lab, FILE *out) {
    const struct legend_shown *shown = front(lab);
    /* The reason may name the folder, and with it a user: that is for the terminal only. */
    if (*lab->plots_missing)
        fprintf(out,
                "> **%s:** they could not be drawn where this page was made; `nanolab plot` says "
                "why.\n\n",
                any_is_drawn(lab) ? "Some plots are missing" : "No plots");
    if (!shown)
        return;
    fprintf(out, "**%s**\n\n", shown->title);
    figure(lab, shown, out);
}

static void side_by_side(const struct report_lab *lab, FILE *out) {
    for (size_t k = 0; k < lab->plots.legend.shown_count; k++)
        if (lab->plots.legend.shown[k].is_answers)
            report_answers(lab->reader, &lab->plots.legend.shown[k], out);
}

static void other_figures(const struct report_lab *lab, FILE *out) {
    const struct legend *legend = &lab->plots.legend;
    for (size_t k = 0; k < legend->shown_count; k++) {
        const struct legend_shown *shown = &legend->shown[k];
        if (shown->is_answers)
            continue;
        if (!shown->is_plot) {
            show_table(lab, shown, out);
        } else if (plot_has_data(&lab->plots, k) && shown != front(lab)) {
            fprintf(out, "### %s\n\n", shown->title);
            figure(lab, shown, out);
        }
    }
}

static void notes(const struct report_lab *lab, FILE *out) {
    const json_t *list = lab->reader->notes;
    if (!json_array_size(list))
        return;
    fputs("### Notes of the run\n\n", out);
    for (size_t k = 0; k < json_array_size(list); k++) {
        fputs("- Noted: ", out);
        escape_inline(out, json_string_value(json_array_get(list, k)));
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void normal(const struct report_lab *lab, FILE *out) {
    const char *text;
    size_t length = section(lab, "Is this number normal?", "\n## ", &text);
    if (length)
        fprintf(out, "### Is this number normal?\n\n%.*s\n\n", (int)length, text);
}

static void show_lab(const struct report *report, const struct report_lab *lab, FILE *out) {
    struct question q = question_of(lab);
    struct claim_table table;
    fputs("## ", out);
    title(lab, out);
    fputs("\n\n", out);
    if (q.length)
        fprintf(out, "%.*s\n\n", (int)q.length, q.text);
    if (claim_table_make(lab->claims, &table)) {
        fputs("No verdicts: memory is short.\n\n", out);
        return;
    }
    report_verdicts(&table, out);
    side_by_side(lab, out);
    first_figure(lab, out);
    report_predictions(report, lab, out);
    if (q.rest_length)
        fprintf(out, "### What is behind the question\n\n%.*s\n\n", (int)q.rest_length, q.rest);
    report_claim_by_claim(&table, out);
    claim_table_free(&table);
    devices(lab, out);
    other_figures(lab, out);
    normal(lab, out);
    notes(lab, out);
}

void report_markdown(const struct report *report, FILE *out) {
    const char *label =
        json_string_value(json_object_get(json_object_get(report->run, "run"), "label"));
    fputs("# nanolab report", out);
    if (label) {
        fputs(": ", out);
        escape_inline(out, label);
    }
    fputs("\n\n", out);
    summary(report, out);
    for (size_t k = 0; k < report->lab_count; k++)
        show_lab(report, &report->labs[k], out);
    legend(report, out);
    fputs("## What ran\n\n", out);
    report_provenance(report->run, out);
    report_warnings(report->run, out);
    fputs("## How to repeat it\n\n", out);
    report_reproduce(report->run, out);
}
