/*
 * compare_md.c: a comparison's page in Markdown: the sides, claims whose verdicts disagree, how it
 * was judged (compare_page.h). What comes from a side goes through escape_inline().
 */
#include <math.h>
#include <string.h>

#include "harness/compare/compare_code_text.h"
#include "harness/compare/compare_page.h"
#include "harness/page/claim_table.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"

#define NOTES_SHOWN 10
#define GPUS_SHOWN 8

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static void count(FILE *out, size_t n) {
    char text[UNITS_TEXT];
    fputs(units_count(text, sizeof text, (long long)n), out);
}

/* --- sides -------------------------------------------------------------------------------------
 */

static void gpus(const json_t *machine, FILE *out) {
    const json_t *list = json_object_get(machine, "gpus");
    size_t n = json_array_size(list);
    for (size_t k = 0; k < n && k < GPUS_SHOWN; k++) {
        const json_t *gpu = json_array_get(list, k);
        fputs(k ? "; " : "", out);
        escape_inline(out, text_of(gpu, "name"));
        if (text_of(gpu, "driver")) {
            fputs(", driver ", out);
            escape_inline(out, text_of(gpu, "driver"));
        }
    }
    if (n == 0)
        fputs("none that a driver shows", out);
    if (n > GPUS_SHOWN)
        fprintf(out, "; and %zu more", n - GPUS_SHOWN);
}

enum row {
    FOLDER,
    LABEL,
    SESSIONS,
    CASES,
    STARTED,
    MODE,
    DEVICES,
    CARD,
    CPU,
    GPU,
    CODE,
    CC,
    CUDA,
    ROWS
};

static void side_cell(const struct compare_side *side, enum row row, FILE *out) {
    static const char *const of_run[ROWS] = {
        [LABEL] = "label", [STARTED] = "start", [MODE] = "mode", [DEVICES] = "device_list"};
    static const char *const of_software[ROWS] = {
        [CODE] = "version", [CC] = "compiler", [CUDA] = "cuda_toolkit"};
    const json_t *machine = json_object_get(side->run, "machine");
    const json_t *software = json_object_get(side->run, "software");
    if (row == FOLDER)
        escape_inline(out, side->name);
    else if (row == SESSIONS || row == CASES)
        count(out, row == SESSIONS ? side->sessions : side->count);
    else if (row == CPU)
        escape_inline(out, text_of(json_object_get(machine, "cpu"), "model"));
    else if (row == GPU && json_is_object(machine))
        gpus(machine, out);
    else if (row == CARD)
        escape_inline(out, report_card(side->run));
    else if (of_run[row])
        escape_inline(out, text_of(json_object_get(side->run, "run"), of_run[row]));
    else
        escape_inline(out, text_of(software, of_software[row]));
    if (row == CODE && json_is_true(json_object_get(software, "dirty")))
        fputs(", **with changes that were not committed**", out);
}

void compare_markdown_head(const struct compare_page *page, const char *before, size_t columns,
                           FILE *out) {
    fprintf(out, "| %s |", before);
    for (size_t k = 0; k <= page->count; k++)
        fprintf(out, " %c |", (char)('A' + k));
    fputs("\n|", out);
    for (size_t k = 0; k < columns + page->count + 1; k++)
        fputs("---|", out);
    fputc('\n', out);
}

/* What a side from another tool's file does not say. */
static void notes(const struct compare_side *side, char letter, FILE *out) {
    size_t n = json_array_size(side->notes), k;
    json_t *note;
    if (!side->foreign)
        return;
    fprintf(out, "**%c is from %s:** times alone, without bits, plans or the machine.\n\n", letter,
            side->foreign);
    json_array_foreach(side->notes, k, note) {
        if (k == NOTES_SHOWN)
            break;
        fputs("- ", out);
        escape_inline(out, json_string_value(note));
        fputc('\n', out);
    }
    if (n > NOTES_SHOWN)
        fprintf(out, "- and %zu more such\n", n - NOTES_SHOWN);
    fputs(n > 0 ? "\n" : "", out);
}

static void sides(const struct compare_page *page, FILE *out) {
    static const char *const labels[ROWS] = {
        "Folder",      "Label", "Sessions", "Cases",
        "Started",     "Mode",  "Devices",  "Card that simt simulates",
        "Processor",   "GPU",   "nanolab",  "Compiled by",
        "CUDA toolkit"};
    fputs("## The sides\n\n", out);
    compare_markdown_head(page, "of the first session", 1, out);
    for (int row = 0; row < ROWS; row++) {
        fprintf(out, "| %s |", labels[row]);
        for (size_t k = 0; k <= page->count; k++) {
            fputc(' ', out);
            side_cell(compare_page_side(page, k), (enum row)row, out);
            fputs(" |", out);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
    for (size_t k = 0; k < page->count; k++)
        compare_code_markdown(page->sections[k].c, page->sections[k].letter, out);
    for (size_t k = 0; k <= page->count; k++)
        notes(compare_page_side(page, k), (char)('A' + k), out);
}

/* --- how it was judged -------------------------------------------------------------------------
 */

static void judged(const struct compare_page *page, FILE *out) {
    const struct compare_rule *rule = &page->sections[0].c->rule;
    bool single = false;
    fprintf(out, "## How this was judged\n\n"
                 "- A session is a whole run in processes of its own; a case's time in it is the "
                 "5 %% quantile of its samples: what it takes where nothing disturbs it. Here:");
    for (size_t k = 0; k <= page->count; k++) {
        size_t n = compare_page_side(page, k)->sessions;
        fprintf(out, "%s %zu session%s of %c", k ? "," : "", n, n == 1 ? "" : "s", (char)('A' + k));
        single |= n == 1;
    }
    fprintf(
        out,
        ".\n"
        "- The ratio is the later side's time over A's. Its %.0f %% interval comes from the "
        "logarithms of the sessions' times, of which each side's slowest fifth does not count "
        "(Yuen's trimmed t, one-sided): what differs between two runs of one program is mostly "
        "what no spread inside a run can show.\n"
        "- *Faster* or *slower*: the interval excludes 1, the ratio is at least %.1f %% from 1, "
        "and its chance stands out among all these cases (Benjamini and Hochberg: of the cases "
        "called different, %.0f %% at most are expected to be so by chance).\n"
        "- *Same*: the interval lies inside of 1 ± %.0f %%. *Ambiguous*: neither; that is never "
        "a pass.\n"
        "- *Not comparable*: the two did not measure the same, and the field in which they "
        "differ is named.\n"
        "- Over roofs: each side's time over what its own measured roof would allow, so that "
        "machines of different size can be compared.\n"
        "- Means are geometric. Each case counts at most as the ratios at the 10th and the "
        "90th percentile do, so that no single case decides them.\n"
        "- Bits are compared by equality, with no tolerance.\n",
        100 * rule->confidence, 100 * rule->least, 100 * rule->rate, 100 * rule->same);
    if (single)
        fputs("- One session says nothing of the spread between runs: `nanolab run --sessions 5` "
              "measures it, `--calibrate` takes it from other runs of an unchanged machine.\n",
              out);
    fputs("\n`nanolab compare --json` has every case.\n", out);
}

int compare_markdown(const struct compare_page *page, FILE *out) {
    int status = 0;
    fputs("# nanolab compare: ", out);
    for (size_t k = 0; k <= page->count; k++) {
        fputs(k == 0 ? "" : k == page->count ? " and " : ", ", out);
        escape_inline(out, compare_page_side(page, k)->name);
    }
    fputs("\n\n", out);
    compare_markdown_headline(page, out);
    sides(page, out);
    compare_markdown_claims(page, out);
    for (size_t k = 0; status == 0 && k < page->count; k++)
        status = compare_markdown_cases(&page->sections[k], out);
    compare_markdown_other_claims(page, out);
    judged(page, out);
    return status;
}
