/*
 * verdicts.c: prints verdicts (verdicts.h).
 *
 *             cpu                simt
 *     S4      confirmed 40/0/0   bounded 12/3/1
 *             cpu: every predicted bit pattern equals the kernel's
 *             simt: …; range: n below 100
 */
#include "harness/cli/verdicts.h"

#include <string.h>

#include "harness/page/claim_table.h"
#include "harness/page/screen.h"
#include "harness/page/units.h"
#include "harness/text.h"

#define INDENT 8

/* A text behind a label, on lines of their own. */
static void labelled(FILE *to, const char *label, const char *text, size_t width) {
    size_t at = INDENT;
    if (!*text)
        return;
    fprintf(to, "%*s", INDENT, "");
    if (*label) {
        screen_wrap(to, label, &at, INDENT, width);
        fputc(' ', to);
        at++;
    }
    screen_wrap(to, text, &at, INDENT, width);
    fputc('\n', to);
}

/* "confirmed 1,024/0/0": the verdict and the single checks that held, went against it, are open. */
static void cell(const json_t *entry, char *out, size_t size) {
    static const char *const words[MARKS] = {"confirmed", "refuted", "bounded", "not testable",
                                             "OUR BUG"};
    enum claim_mark mark = claim_mark(entry);
    char held[UNITS_TEXT], against[UNITS_TEXT], open[UNITS_TEXT];
    if (!entry || mark == MARK_NOT_TESTABLE)
        snprintf(out, size, "%s", entry ? words[mark] : "-");
    else
        snprintf(out, size, "%s %.20s/%.20s/%.20s", words[mark],
                 units_count(held, sizeof held, claim_count(entry, "held")),
                 units_count(against, sizeof against, claim_count(entry, "against")),
                 units_count(open, sizeof open, claim_count(entry, "open")));
}

/* How wide the column of a device has to be. */
static int column_width(const struct claim_table *table, size_t device) {
    size_t width = strlen(table->devices[device]);
    char text[100];
    for (size_t k = 0; k < table->row_count; k++) {
        cell(table->rows[k].on[device], text, sizeof text);
        width = strlen(text) > width ? strlen(text) : width;
    }
    return (int)width + 2;
}

static void print_row(FILE *to, const struct claim_table *table, const struct claim_row *row,
                      const int *columns, size_t width) {
    static const char *const parts[][2] = {
        {"statement", ""}, {"range", "range:"}, {"reason", "missing:"}};
    char id[48];
    fprintf(to, "  %-5s ", text_plain(id, sizeof id, row->id));
    for (size_t d = 0; d < table->device_count; d++) {
        char text[100];
        cell(row->on[d], text, sizeof text);
        fprintf(to, "%-*s", d + 1 < table->device_count ? columns[d] : 0, text);
    }
    fputc('\n', to);
    for (size_t d = 0; d < table->device_count; d++)
        for (size_t k = 0; row->on[d] && k < 3; k++) {
            char label[80] = "";
            if (table->device_count > 1)
                snprintf(label, sizeof label, "%.23s:%s", table->devices[d], k ? " " : "");
            strcat(label, parts[k][1]);
            labelled(to, label, claim_text(row->on[d], parts[k][0]), width);
        }
}

/* One line for each reason why claims were asked on no device. */
static void print_nowhere(FILE *to, const struct claim_table *table, size_t width) {
    size_t first = 0, count;
    for (; (count = claim_table_nowhere(table, first, &first)); first += count) {
        char line[1000];
        size_t used = 0;
        for (size_t k = 0; k < count && used < sizeof line; k++)
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%.16s", k ? ", " : "",
                                     table->rows[first + k].id);
        if (used < sizeof line)
            snprintf(line + used, sizeof line - used, ": %.500s", table->rows[first].reason);
        size_t at = 2;
        fputs("  ", to);
        screen_wrap(to, "not testable here:", &at, INDENT, width);
        fputc(' ', to);
        at++;
        screen_wrap(to, line, &at, INDENT, width);
        fputc('\n', to);
    }
    for (size_t k = 0; k < table->absent_count && table->asked_count; k++) {
        size_t at = 2;
        fprintf(to, "  nothing was tested on %.23s: ", table->absent[k]);
        at += 24 + strlen(table->absent[k]);
        screen_wrap(to, table->why[k], &at, INDENT, width);
        fputc('\n', to);
    }
}

static void print_table(FILE *to, const struct claim_table *table, size_t width) {
    int columns[CLAIM_COLUMNS_MAX];
    if (table->asked_count)
        fprintf(to, "%*s", INDENT, "");
    for (size_t d = 0; d < table->device_count; d++) {
        columns[d] = column_width(table, d);
        fprintf(to, "%-*.23s", d + 1 < table->device_count ? columns[d] : 0, table->devices[d]);
    }
    fputs(table->asked_count ? "\n" : "", to);
    for (size_t k = 0; k < table->row_count; k++)
        if (table->rows[k].asked)
            print_row(to, table, &table->rows[k], columns, width);
    print_nowhere(to, table, width);
}

void verdicts_print(FILE *to, const char *lab, const char *question, const json_t *claims,
                    int width) {
    struct claim_table table;
    bool simt = false, ptx = false, sass = false;
    char summary[200];
    fprintf(to, "%s: %s\n", lab, question);
    if (claim_table_make(claims, &table) == 0)
        print_table(to, &table, width > 40 ? (size_t)width : 100);
    for (size_t d = 0; d < table.device_count; d++) {
        simt = simt || strcmp(table.devices[d], "simt") == 0;
        ptx = ptx || strcmp(table.devices[d], "ptx") == 0;
        sass = sass || strncmp(table.devices[d], "sass:", 5) == 0;
    }
    verdicts_summary(claims, summary, sizeof summary);
    fprintf(to, "  %s%s\n", summary,
            table.asked_count ? "; the numbers: checks held/against/open" : "");
    if (simt)
        fputs("  simt is a simulated GPU: bits, no timings\n", to);
    if (ptx)
        fputs("  ptx is PTX of the kernels on the CPU: bits, no timings\n", to);
    if (sass)
        fputs("  sass is SASS, the kernels' machine code, on the CPU: bits, no timings\n", to);
    claim_table_free(&table);
}

void verdicts_summary(const json_t *claims, char *out, size_t size) {
    static const char *const words[MARKS] = {"confirmed", "refuted", "bounded", "not testable here",
                                             "broken by our bug"};
    size_t used = 0, counts[MARKS] = {0};
    for (size_t i = 0; i < json_array_size(claims); i++)
        if (*claim_text(json_array_get(claims, i), "verdict"))
            counts[claim_mark(json_array_get(claims, i))]++;
    snprintf(out, size, "no verdicts");
    for (size_t m = 0; m < MARKS; m++)
        if (counts[m] > 0 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%zu %s", used ? ", " : "",
                                     counts[m], words[m]);
}

bool verdicts_broken(const json_t *claims) {
    for (size_t i = 0; i < json_array_size(claims); i++)
        if (json_is_true(json_object_get(json_array_get(claims, i), "broken")))
            return true;
    return false;
}

size_t verdicts_print_broken(FILE *to, const char *program, const json_t *claims,
                             const char *folder) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);
        if (!json_is_true(json_object_get(claim, "broken")))
            continue;
        char id[24], place[4096];
        fprintf(to,
                "%s: our bug: a predicted bit of %s on %.23s did not hold (%lld of %lld did); "
                "please report it with the folder %s\n",
                program, text_plain(id, sizeof id, claim_text(claim, "id")),
                claim_text(claim, "device"),
                (long long)json_integer_value(json_object_get(claim, "held")),
                (long long)json_integer_value(json_object_get(claim, "checked")),
                text_plain(place, sizeof place, folder));
        count++;
    }
    return count;
}
