/* report_md.c: the page in Markdown (report.h). Our own words and the lab's README and plot.gp are
 * written as they are; whatever comes from the result folder goes through escape_markdown(). */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/table.h"

#define TABLE_ROWS_SHOWN 40

/* A claim whose predicted bits did not hold has no verdict: that is a bug of ours. */
enum { CONFIRMED, REFUTED, BOUNDED, NOT_TESTABLE, BROKEN, VERDICTS };

static const struct {
    const char *name, *shown;
} verdicts[VERDICTS] = {{"confirmed", "✔ confirmed"},
                        {"refuted", "✘ refuted"},
                        {"bounded", "◐ bounded"},
                        {"not-testable-here", "○ not testable here"},
                        {"", "⚠ our bug"}};

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static int verdict_of(const json_t *claim) {
    const char *name = text_of(claim, "verdict");
    if (json_is_true(json_object_get(claim, "broken")))
        return BROKEN;
    for (int k = 0; name && k < BROKEN; k++)
        if (!strcmp(name, verdicts[k].name))
            return k;
    return NOT_TESTABLE;
}

struct tally {
    long long verdicts[VERDICTS], checked, held;
};

static void add_claims(struct tally *tally, const json_t *claims) {
    for (size_t k = 0; k < json_array_size(claims); k++) {
        const json_t *claim = json_array_get(claims, k);
        tally->verdicts[verdict_of(claim)]++;
        tally->checked += json_integer_value(json_object_get(claim, "checked"));
        tally->held += json_integer_value(json_object_get(claim, "held"));
    }
}

/* "1,234,567" */
static void grouped(FILE *out, long long number) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%lld", number);
    for (int k = 0; k < length; k++)
        fprintf(out, "%s%c", k && (length - k) % 3 == 0 && isdigit(digits[k - 1]) ? "," : "",
                digits[k]);
}

/* The first line of a README, "Lab 01: float staging", or the folder's name. */
static void title(const struct report_lab *lab, FILE *out) {
    if (lab->readme && !strncmp(lab->readme, "# ", 2))
        fprintf(out, "%.*s", (int)strcspn(lab->readme + 2, "\n"), lab->readme + 2);
    else
        fprintf(out, "Lab %s", lab->name);
}

/* Writes a README's section without its heading; `first_only`: its first paragraph. */
static int section(const struct report_lab *lab, const char *heading, int first_only, FILE *out) {
    char mark[80];
    snprintf(mark, sizeof mark, "\n## %s\n", heading);
    const char *at = lab->readme ? strcasestr(lab->readme, mark) : NULL;
    if (!at)
        return 0;
    at += strlen(mark);
    at += strspn(at, "\n");
    const char *end = strstr(at, first_only ? "\n\n" : "\n## ");
    fprintf(out, "%.*s\n\n", end ? (int)(end - at) : (int)strlen(at), at);
    return 1;
}

static void summary(const struct report *report, FILE *out) {
    struct tally tally = {0};
    for (size_t k = 0; k < report->lab_count; k++)
        add_claims(&tally, report->labs[k].claims);
    long long all = 0;
    for (int k = 0; k < VERDICTS; k++)
        all += tally.verdicts[k];
    long long broken = tally.verdicts[BROKEN];
    fprintf(out, "**%lld verdict%s:**", all - broken, all - broken == 1 ? "" : "s");
    for (int k = 0; k < BROKEN; k++)
        fprintf(out, "%s %lld %s", k ? "," : "", tally.verdicts[k],
                verdicts[k].shown + strcspn(verdicts[k].shown, " ") + 1);
    fputs(". Of ", out);
    grouped(out, tally.checked);
    fputs(" single checks behind them, ", out);
    grouped(out, tally.held);
    fputs(" came out as claimed.\n\n", out);
    if (broken)
        fprintf(out,
                "> **A predicted bit did not hold (%lld claim%s, marked below).** That is a bug of "
                "nanolab, not a finding about the machine; please report it with this folder.\n\n",
                broken, broken == 1 ? "" : "s");
    for (size_t k = 0; k < report->lab_count; k++)
        if (!report->labs[k].reader->end)
            fprintf(out,
                    "> **%s is partial:** it was stopped before its end. What is here is valid; "
                    "`nanolab run --resume` finishes it.\n\n",
                    report->labs[k].name);
    if (report->lab_count < 2)
        return;
    fprintf(out,
            "| lab | confirmed | refuted | bounded | not testable here |%s held / checked |\n"
            "|---|--:|--:|--:|--:|--:|%s\n",
            broken ? " our bug |" : "", broken ? "--:|" : "");
    for (size_t k = 0; k < report->lab_count; k++) {
        struct tally one = {0};
        add_claims(&one, report->labs[k].claims);
        fputs("| ", out);
        title(&report->labs[k], out);
        for (int v = 0; v < BROKEN; v++)
            fprintf(out, " | %lld", one.verdicts[v]);
        if (broken)
            fprintf(out, " | %lld", one.verdicts[BROKEN]);
        fputs(" | ", out);
        grouped(out, one.held);
        fputs(" / ", out);
        grouped(out, one.checked);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static void legend(FILE *out) {
    fputs("*How to read a verdict.* **Confirmed**: measured here, by a check that could have come "
          "out the other way. **Refuted**: measured here, and false as stated. **Bounded**: true "
          "only in the range given. **Not testable here**: something it needs is missing; that is "
          "never a pass. A verdict belongs to this run on this device; each lab's `claims.json` "
          "names "
          "the cases it rests on.\n\n",
          out);
}

static int uses(const json_t *start, const char *part, const char *device) {
    const json_t *list = json_object_get(start, part);
    for (size_t k = 0; k < json_array_size(list); k++) {
        const char *id = json_string_value(json_array_get(list, k));
        if (id && !strcmp(id, device))
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
            escape_markdown(out, json_string_value(json_array_get(list, k)));
        }
        if (!json_array_size(list))
            fputs("none", out);
    }
    fputs(". ", out);
    grouped(out, (long long)lab->reader->case_count);
    fputs(" cases.", out);
    if (uses(start, "bits", "simt") || uses(start, "time", "simt"))
        fputs(" **simt** is a simulated GPU: bits, no timings.", out);
    fputs("\n\n", out);
}

static void claim_row(const json_t *claim, FILE *out) {
    const char *statement = text_of(claim, "statement"), *range = text_of(claim, "range"),
               *reason = text_of(claim, "reason");
    fputs("| ", out);
    escape_markdown(out, text_of(claim, "id"));
    fputs(" | ", out);
    escape_markdown(out, text_of(claim, "claim"));
    fputs(" | ", out);
    escape_markdown(out, text_of(claim, "device"));
    fprintf(out, " | %s | ", verdicts[verdict_of(claim)].shown);
    grouped(out, json_integer_value(json_object_get(claim, "held")));
    fputs(" / ", out);
    grouped(out, json_integer_value(json_object_get(claim, "checked")));
    fputs(" | ", out);
    if (statement)
        escape_markdown(out, statement);
    if (range) {
        fputs(statement ? " *Range:* " : "*Range:* ", out);
        escape_markdown(out, range);
    }
    if (reason) {
        fputs(statement || range ? " *Reason:* " : "*Reason:* ", out);
        escape_markdown(out, reason);
    }
    fputs(" |\n", out);
}

static void claims(const struct report_lab *lab, FILE *out) {
    if (!json_array_size(lab->claims)) {
        fputs("No verdicts: the run ended before its checks.\n\n", out);
        return;
    }
    fputs("| | claim | device | verdict | held / checked | what is true here |\n"
          "|---|---|---|---|--:|---|\n",
          out);
    for (size_t k = 0; k < json_array_size(lab->claims); k++)
        claim_row(json_array_get(lab->claims, k), out);
    fputc('\n', out);
}

static int is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

static int is_numeric(const struct table *table, size_t column) {
    for (size_t r = 1; r <= table->rows; r++) {
        const char *cell = table_cell(table, r, column);
        if (*cell && !is_number(cell))
            return 0;
    }
    return 1;
}

static void table_rows(const struct table *table, FILE *out) {
    size_t rows = table->rows < TABLE_ROWS_SHOWN ? table->rows : TABLE_ROWS_SHOWN;
    for (size_t r = 0; r <= rows; r++) {
        for (size_t k = 0; k < table->columns; k++) {
            fputs("| ", out);
            escape_markdown(out, table_cell(table, r, k));
            fputc(' ', out);
        }
        fputs("|\n", out);
        for (size_t k = 0; r == 0 && k < table->columns; k++)
            fputs(is_numeric(table, k) ? "|--:" : "|---", out);
        if (r == 0)
            fputs("|\n", out);
    }
    fputc('\n', out);
}

static void show_table(const struct report_lab *lab, const struct legend_shown *shown, FILE *out) {
    char file[LEGEND_WORD + 8];
    struct table table;
    snprintf(file, sizeof file, "%s.tsv", shown->name);
    if (!folder_has(&lab->folder, file))
        return;
    fprintf(out, "### %s\n\n", shown->title);
    if (table_read(&lab->folder, file, &table)) {
        fputs("This table cannot be shown: its file is damaged.\n\n", out);
        return;
    }
    table_rows(&table, out);
    if (table.rows > TABLE_ROWS_SHOWN)
        fprintf(out, "The first %d of %zu rows; all are in `%s/%s`.\n\n", TABLE_ROWS_SHOWN,
                table.rows, lab->name, file);
    if (*shown->text)
        fprintf(out, "%s\n\n", shown->text);
    table_free(&table);
}

static void figures(const struct report_lab *lab, FILE *out) {
    const struct legend *legend = &lab->plots.legend;
    /* The reason may name the folder, and with it a user: that is for the terminal only. */
    if (*lab->plots_missing)
        fputs(
            "> **No plots:** they could not be drawn where this page was made; `nanolab plot` says "
            "why.\n\n",
            out);
    for (size_t k = 0; k < legend->shown_count; k++) {
        const struct legend_shown *shown = &legend->shown[k];
        if (!shown->is_plot) {
            show_table(lab, shown, out);
        } else if (lab->plots.images[k].have) {
            fprintf(out, "### %s\n\n![%s](%s/plots/%s.svg)\n\n", shown->title, shown->title,
                    lab->name, shown->name);
            if (*shown->text)
                fprintf(out, "%s\n\n", shown->text);
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
        escape_markdown(out, json_string_value(json_array_get(list, k)));
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void normal(const struct report_lab *lab, FILE *out) {
    char *text = NULL;
    size_t length = 0;
    FILE *buffer = open_memstream(&text, &length);
    if (!buffer)
        return;
    int found = section(lab, "Is this number normal?", 0, buffer);
    fclose(buffer);
    if (found)
        fprintf(out, "### Is this number normal?\n\n%s", text);
    free(text);
}

void report_markdown(const struct report *report, FILE *out) {
    const char *label = text_of(json_object_get(report->run, "run"), "label");
    fputs("# nanolab report", out);
    if (label) {
        fputs(": ", out);
        escape_markdown(out, label);
    }
    fputs("\n\n", out);
    summary(report, out);
    legend(out);
    for (size_t k = 0; k < report->lab_count; k++) {
        const struct report_lab *lab = &report->labs[k];
        fputs("## ", out);
        title(lab, out);
        fputs("\n\n", out);
        section(lab, "Question", 1, out);
        devices(lab, out);
        claims(lab, out);
        figures(lab, out);
        normal(lab, out);
        notes(lab, out);
    }
    fputs("## What ran\n\n", out);
    report_provenance(report->run, out);
    report_warnings(report->run, out);
    fputs("## How to repeat it\n\n", out);
    report_reproduce(report->run, out);
}
