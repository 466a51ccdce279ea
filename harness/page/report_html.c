/*
 * report_html.c: from the Markdown to one self-contained page (report.h).
 *
 * cmark-gfm turns the Markdown into HTML in its safe mode, which drops raw HTML and dangerous
 * links. Then our own marks in its output are replaced: images by the SVG drawn a moment ago, and
 * tables get a frame that scrolls. Text of results cannot imitate those marks, as each `<` in it
 * has become a character reference. A content security policy stands behind all that: the page
 * may run and load nothing.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/report.h"
#include "harness/page/tool.h"
#include "harness/store/result.h"

#define CMARK_SECONDS 60

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n"
    "<title>nanolab report</title>\n"
    "<style>\n"
    ":root { --ink: #1c2128; --soft: #59616d; --line: #dfe3e8; --paper: #fff; --wash: #f5f7f9;\n"
    "  --link: #0b5cad; --good: #0a7a4b; --bad: #b3261e; --part: #96600a; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #a2abb8;\n"
    "  --line: #3a414b; --paper: #15181d; --wash: #1e2329; --link: #7db8f5; --good: #4cc38a;\n"
    "  --bad: #ff8f85; --part: #f0b252; } }\n"
    "body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; color: var(--ink);\n"
    "  background: var(--paper); font: 1rem/1.55 system-ui, \"DejaVu Sans\", sans-serif;\n"
    "  overflow-wrap: break-word; }\n"
    "h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 1rem; }\n"
    "h2 { font-size: 1.35rem; margin: 2.75rem 0 .75rem; padding-top: 1rem;\n"
    "  border-top: 1px solid var(--line); }\n"
    "h3 { font-size: 1.08rem; margin: 2rem 0 .5rem; }\n"
    "p, li { max-width: 46rem; }\n"
    "a { color: var(--link); }\n"
    "code, pre { font: .875em/1.5 \"DejaVu Sans Mono\", ui-monospace, monospace; }\n"
    "code { background: var(--wash); padding: .1em .3em; border-radius: 3px; }\n"
    "pre { background: var(--wash); padding: .75rem 1rem; border-radius: 6px; overflow-x: auto; }\n"
    "pre code { padding: 0; }\n"
    "blockquote { margin: 1rem 0; padding: .1rem 1rem; background: var(--wash);\n"
    "  border-left: 4px solid var(--part); }\n"
    ".wide { overflow-x: auto; margin: 1rem 0; }\n"
    "table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }\n"
    "th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top;\n"
    "  text-align: left; }\n"
    "th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; white-space: nowrap; }\n"
    "th[align=right], td[align=right] { text-align: right; white-space: nowrap; }\n"
    "td { min-width: 2.2rem; white-space: nowrap; }\n"
    "td.long, td.longer { min-width: 11rem; white-space: normal; overflow-wrap: break-word; }\n"
    "td.longer { min-width: 17rem; }\n"
    ".tall { max-height: 24rem; overflow-y: auto; border-bottom: 1px solid var(--line); }\n"
    ".tall th { position: sticky; top: 0; background: var(--paper); }\n"
    "td.verdict { white-space: nowrap; font-weight: 600; }\n"
    "td.confirmed { color: var(--good); } td.refuted, td.broken { color: var(--bad); }\n"
    "td.bounded { color: var(--part); } td.untested { color: var(--soft); }\n"
    "figure { margin: .75rem 0 1rem; background: #fff; border: 1px solid var(--line);\n"
    "  border-radius: 6px; padding: .5rem; overflow-x: auto; }\n"
    "figure svg { display: block; width: 100%; min-width: 34rem; height: auto; }\n"
    "@media print { body { max-width: none; padding: 0; font-size: 10pt; }\n"
    "  td { white-space: normal; } figure svg { min-width: 0; }\n"
    "  figure, tr, blockquote { break-inside: avoid; } h2, h3 { break-after: avoid; }\n"
    "  .wide, .tall { overflow: visible; max-height: none; } table { font-size: 8.5pt; } }\n"
    "</style>\n"
    "</head>\n"
    "<body>\n";

static int run_cmark(const char *markdown, size_t length, char **html) {
    char path[4096];
    struct folder scratch;
    size_t html_length;
    if (home_private(path, sizeof path))
        return -1;
    const char *argv[] = {"cmark-gfm",       "--to",    "html", "--extension", "table",
                          "--validate-utf8", "page.md", NULL};
    struct tool_run tool = {
        .argv = argv, .package = "cmark-gfm", .folder = path, .seconds = CMARK_SECONDS};
    int status = folder_open(&scratch, path);
    if (!status) {
        status = folder_write(&scratch, "page.md", markdown, length);
        folder_close(&scratch);
    }
    if (!status)
        status = tool_run(&tool, html, &html_length);
    home_private_remove(path);
    return status;
}

/* True if `at` starts with `mark`. */
static int starts(const char *at, const char *mark) {
    return strncmp(at, mark, strlen(mark)) == 0;
}

/*
 * Writes gnuplot's SVG without what belongs to a file of its own (declaration, doctype, the
 * window's title), and with names that no other plot on the page has. Only plots drawn a moment
 * ago get here; a script in one would be a change of gnuplot's that we have to know about.
 */
static int inline_svg(const char *svg, const char *lab, const char *name, const char *title,
                      FILE *out) {
    const char *at = strstr(svg, "<svg");
    if (!at || strstr(svg, "<script") || strstr(svg, "<foreignObject"))
        return error_set("gnuplot wrote an SVG of a form not known here for %s/%s; report this "
                         "with the output of gnuplot --version",
                         lab, name);
    while (*at) {
        if (starts(at, "<svg")) {
            fputs("<svg role=\"img\" aria-label=\"", out);
            for (const char *c = title; *c; c++)
                fprintf(out, strchr("<>&\"", *c) ? "&#%d;" : "%c", *c);
            fputs("\"", out);
            at += 4;
        } else if (starts(at, "<title>") && strstr(at, "</title>")) {
            at = strstr(at, "</title>") + 8;
        } else if (starts(at, "<desc>") && strstr(at, "</desc>")) {
            at = strstr(at, "</desc>") + 7;
        } else if (starts(at, " id=\"") || starts(at, " id='")) {
            fprintf(out, "%.5s%.2s-%s-", at, lab, name);
            at += 5;
        } else if (starts(at, "url(#") || starts(at, "href='#") || starts(at, "href=\"#")) {
            int length = (int)(strchr(at, '#') - at) + 1;
            fprintf(out, "%.*s%.2s-%s-", length, at, lab, name);
            at += length;
        } else {
            fputc(*at++, out);
        }
    }
    return 0;
}

/* If `at` is an image of ours, writes the plot and returns the length of the mark, else 0;
 * -1 on failure. */
static int put_figure(const struct report *report, const char *at, FILE *out) {
    for (size_t l = 0; l < report->lab_count; l++) {
        const struct report_lab *lab = &report->labs[l];
        for (size_t k = 0; k < lab->plots.legend.shown_count; k++) {
            const struct legend_shown *shown = &lab->plots.legend.shown[k];
            char mark[300];
            if (!lab->plots.images[k].have)
                continue;
            snprintf(mark, sizeof mark, "<p><img src=\"%s/plots/%s.svg\"", lab->name, shown->name);
            const char *end = starts(at, mark) ? strstr(at, "</p>") : NULL;
            if (!end)
                continue;
            fputs("<figure>", out);
            if (inline_svg(lab->plots.images[k].svg, lab->name, shown->name, shown->title, out))
                return -1;
            fputs("</figure>", out);
            return (int)(end - at) + 4;
        }
    }
    return 0;
}

/* Cells that say a verdict get its colour, long ones room to be read. */
static int put_cell(const char *at, FILE *out) {
    static const struct {
        const char *mark, *class;
    } cells[] = {{"<td>✔ ", "confirmed"},
                 {"<td>✘ ", "refuted"},
                 {"<td>◐ ", "bounded"},
                 {"<td>○ ", "untested"},
                 {"<td>⚠ ", "broken"}};
    for (size_t k = 0; k < sizeof cells / sizeof *cells; k++)
        if (starts(at, cells[k].mark)) {
            fprintf(out, "<td class=\"verdict %s\">%s", cells[k].class, cells[k].mark + 4);
            return (int)strlen(cells[k].mark);
        }
    const char *end = strstr(at, "</td>");
    if (end && end - at > 28) {
        fputs(end - at > 120 ? "<td class=\"longer\">" : "<td class=\"long\">", out);
        return 4;
    }
    return 0;
}

/* A table gets a frame that scrolls: sideways, and if it has many rows of numbers, also down. */
static int put_table(const char *at, FILE *out) {
    const char *mark = "<table>", *end = strstr(at, "</table>");
    size_t rows = 0;
    for (const char *row = at; end && (row = strstr(row, "<tr>")) && row < end; row += 4)
        rows++;
    fprintf(out, "<div class=\"%s\">%s", rows > 20 ? "wide tall" : "wide", mark);
    return (int)strlen(mark);
}

static int put_body(const struct report *report, const char *body, FILE *out) {
    for (const char *at = body; *at;) {
        int taken = 0;
        if (*at == '<') {
            if (starts(at, "<p><img "))
                taken = put_figure(report, at, out);
            else if (starts(at, "<td>"))
                taken = put_cell(at, out);
            else if (starts(at, "<table>"))
                taken = put_table(at, out);
            else if (starts(at, "</table>"))
                taken = fputs("</table></div>", out) < 0 ? -1 : 8;
        }
        if (taken < 0)
            return -1;
        if (taken == 0)
            fputc(*at++, out);
        at += taken;
    }
    return 0;
}

int report_html(const struct report *report, const char *markdown, size_t length, char **html,
                size_t *html_length) {
    char *body = NULL;
    *html = NULL;
    if (run_cmark(markdown, length, &body))
        return -1;
    FILE *out = open_memstream(html, html_length);
    int status = out ? 0 : error_set("out of memory");
    if (out) {
        fputs(head, out);
        status = put_body(report, body, out);
        fputs("</body>\n</html>\n", out);
        fclose(out);
    }
    free(body);
    if (status) {
        free(*html);
        *html = NULL;
    }
    return status;
}
