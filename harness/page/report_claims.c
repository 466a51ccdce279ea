/* report_claims.c: the claims of a lab on the page (report.h): a small table of verdicts, and under
 * it claim by claim what each rests on. Whatever comes from the result folder is escaped. */
#include <math.h>
#include <string.h>

#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"
#include "harness/store/rests.h"

const char *report_sign(enum claim_mark mark) {
    static const char *const signs[MARKS] = {"✔", "✘", "◐", "○", "⚠"};
    return signs[mark];
}

/* A sentence of a stranger's, with its full stop. */
static void sentence(FILE *out, const char *text) {
    size_t length = strlen(text);
    escape_inline(out, text);
    if (length && !strchr(".!?", text[length - 1]))
        fputc('.', out);
}

static void ids(const struct claim_table *table, size_t first, size_t count, FILE *out) {
    for (size_t k = 0; k < count; k++) {
        fputs(k ? ", " : "", out);
        escape_inline(out, table->rows[first + k].id);
    }
}

/* One line for all claims that no device of the run could be asked. */
static void nowhere(const struct claim_table *table, FILE *out) {
    size_t first = 0, count;
    if (table->asked_count == table->row_count)
        return;
    fputs("Not asked here, which is never a pass: ", out);
    for (size_t k = 0; (count = claim_table_nowhere(table, first, &first)); k++, first += count) {
        fputs(k ? "; " : "", out);
        ids(table, first, count, out);
        fputs(" (", out);
        escape_inline(out, *table->rows[first].reason ? table->rows[first].reason : "no reason");
        fputc(')', out);
    }
    fputs(".\n\n", out);
}

static void absent(const struct claim_table *table, FILE *out) {
    for (size_t k = 0; k < table->absent_count && table->asked_count; k++) {
        fputs("Nothing was tested on ", out);
        escape_inline(out, table->absent[k]);
        fputs(": ", out);
        sentence(out, table->why[k]);
        fputs("\n\n", out);
    }
}

void report_verdicts(const struct claim_table *table, FILE *out) {
    if (!table->row_count) {
        fputs("No verdicts: the run ended before its checks.\n\n", out);
        return;
    }
    if (table->asked_count) {
        fputs("| | claim |", out);
        for (size_t d = 0; d < table->device_count; d++) {
            fputc(' ', out);
            escape_inline(out, table->devices[d]);
            fputs(" |", out);
        }
        fputs("\n|---|---|", out);
        for (size_t d = 0; d < table->device_count; d++)
            fputs("---|", out);
        fputc('\n', out);
    }
    for (size_t k = 0; k < table->row_count; k++) {
        const struct claim_row *row = &table->rows[k];
        if (!row->asked)
            continue;
        fputs("| ", out);
        escape_inline(out, row->id);
        fputs(" | ", out);
        escape_inline(out, row->claim);
        fputs(" |", out);
        for (size_t d = 0; d < table->device_count; d++)
            fprintf(out, " %s%s%s |", row->on[d] ? report_sign(claim_mark(row->on[d])) : "–",
                    row->on[d] ? " " : "",
                    row->on[d] ? claim_mark_words(claim_mark(row->on[d])) : "");
        fputc('\n', out);
    }
    fputs(table->asked_count ? "\n" : "", out);
    nowhere(table, out);
    absent(table, out);
    if (table->left_out)
        fprintf(out, "%zu more entries are in `claims.json`.\n\n", table->left_out);
}

/* "16 of 16 checks held", "12 held, 3 against, 1 open of 16 checks". */
static void counts(const json_t *entry, FILE *out) {
    static const char *const names[] = {"held", "against", "open"};
    long long checked = claim_count(entry, "checked"), held = claim_count(entry, "held");
    char number[UNITS_TEXT];
    const char *before = "";
    if (!checked)
        return;
    fputc(' ', out);
    for (size_t k = 0; k < 3 && held != checked; k++) {
        long long one = claim_count(entry, names[k]);
        if (!one && k)
            continue;
        fprintf(out, "%s%s %s", before, units_count(number, sizeof number, one), names[k]);
        before = ", ";
    }
    if (held == checked)
        fputs(units_count(number, sizeof number, held), out);
    fprintf(out, " of %s check%s%s.", units_count(number, sizeof number, checked),
            checked == 1 ? "" : "s", held == checked ? " held" : "");
}

static void rests(const json_t *entry, FILE *out) {
    const struct rests_on on = rests_of_claim(entry);
    if (rests_highest(&on) == RESTS)
        return;
    fputs(" Rests on ", out);
    rests_print(&on, out);
    fputc('.', out);
}

static double real(const json_t *number, const char *name) {
    const json_t *value = json_object_get(number, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The heading is a mark for report_html.c, which makes a part that opens of it and the table. */
static void numbers(const json_t *entry, const char *id, const char *device, FILE *out) {
    const json_t *list = json_object_get(entry, "numbers"), *number;
    char text[UNITS_TEXT];
    size_t k;
    if (!json_array_size(list))
        return;
    fputs("*Numbers behind ", out);
    escape_inline(out, id);
    fputs(" on ", out);
    escape_inline(out, device);
    fputs("*\n\n| what | value |\n|---|--:|\n", out);
    json_array_foreach(list, k, number) {
        fputs("| ", out);
        escape_inline(out, claim_text(number, "what"));
        fputs(" | ", out);
        escape_inline(out,
                      units_interval(text, sizeof text, real(number, "value"), real(number, "low"),
                                     real(number, "high"), claim_text(number, "unit")));
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static void one_device(const struct claim_row *row, const json_t *entry, const char *device,
                       FILE *out) {
    static const char *const parts[][2] = {{"range", "Range: "}, {"reason", "Reason: "}};
    enum claim_mark mark = claim_mark(entry);
    fprintf(out, "%s **%s on ", report_sign(mark),
            mark == MARK_NOT_TESTABLE ? "not testable" : claim_mark_words(mark));
    escape_inline(out, device);
    fputs(":**", out);
    if (*claim_text(entry, "statement")) {
        fputc(' ', out);
        sentence(out, claim_text(entry, "statement"));
    }
    for (size_t k = 0; k < 2; k++)
        if (*claim_text(entry, parts[k][0])) {
            fprintf(out, " %s", parts[k][1]);
            sentence(out, claim_text(entry, parts[k][0]));
        }
    counts(entry, out);
    rests(entry, out);
    fputs("\n\n", out);
    numbers(entry, row->id, device, out);
}

void report_claim_by_claim(const struct claim_table *table, FILE *out) {
    if (!table->asked_count)
        return;
    fputs("### Claim by claim\n\n", out);
    for (size_t k = 0; k < table->row_count; k++) {
        const struct claim_row *row = &table->rows[k];
        if (!row->asked)
            continue;
        fputs("#### ", out);
        escape_inline(out, row->id);
        fputs(": ", out);
        escape_inline(out, row->claim);
        fputs("\n\n", out);
        if (*row->refuted_by) {
            fputs("*What would refute it:* ", out);
            sentence(out, row->refuted_by);
            fputs("\n\n", out);
        }
        for (size_t d = 0; d < table->device_count; d++)
            if (row->on[d])
                one_device(row, row->on[d], table->devices[d], out);
    }
}
