/* report_style.c: how the HTML page looks, and what it says of things wider than a screen
 * (report.h). */
#include <stdio.h>

#include "harness/page/report.h"

/* Of the page, in rem; as in the style sheet. */
#define BODY_WIDTH 68

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
    "<title>";

static const char style[] =
    "</title>\n"
    "<style>\n"
    ":root { --ink: #1c2128; --soft: #59616d; --line: #dfe3e8; --paper: #fff; --wash: #f5f7f9;\n"
    "  --link: #0b5cad; --good: #0a7a4b; --bad: #b3261e; --part: #96600a;\n"
    "  --mark: #ffe08a; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #a2abb8;\n"
    "  --line: #3a414b; --paper: #15181d; --wash: #1e2329; --link: #7db8f5; --good: #4cc38a;\n"
    "  --bad: #ff8f85; --part: #f0b252; --mark: #6b4a00; } }\n"
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
    "th, td { padding: .28rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top;\n"
    "  text-align: left; }\n"
    "th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; white-space: nowrap; }\n"
    "th[align=right], td[align=right] { text-align: right; white-space: nowrap; }\n"
    "td { min-width: 2.2rem; white-space: nowrap; }\n"
    "td.long, td.longer { min-width: 11rem; white-space: normal; overflow-wrap: anywhere; }\n"
    "td.longer { min-width: 17rem; }\n"
    "mark { background: var(--mark); color: inherit; border-radius: 3px; padding: 0 .1em; }\n"
    ".tall { max-height: 24rem; overflow-y: auto; border-bottom: 1px solid var(--line); }\n"
    ".tall th { position: sticky; top: 0; background: var(--paper); }\n"
    "td.verdict { white-space: nowrap; font-weight: 600; }\n"
    "td.confirmed { color: var(--good); } td.refuted, td.broken { color: var(--bad); }\n"
    "td.bounded { color: var(--part); } td.untested { color: var(--soft); }\n"
    ".said { position: absolute; width: 1px; height: 1px; overflow: hidden;\n"
    "  clip-path: inset(50%); white-space: nowrap; }\n"
    "@media (max-width: 40rem) { .word { position: absolute; width: 1px; height: 1px;\n"
    "  overflow: hidden; clip-path: inset(50%); white-space: nowrap; } td.verdict { text-align: "
    "center; }\n"
    "  body { padding: 1.25rem 1rem 3rem; } th, td { padding: .28rem .4rem; }\n"
    "  td { min-width: 0; } td.long, td.longer { min-width: 9rem; } }\n"
    "h4 { margin: 1.5rem 0 .25rem; font-size: 1rem; }\n"
    "h4 + p { margin-top: .25rem; }\n"
    "details { margin: .25rem 0 1rem; } summary { cursor: pointer; color: var(--link); }\n"
    "h1 + h2 { margin-top: 0; padding-top: 0; border-top: 0; }\n"
    "figure { margin: .75rem 0 1rem; max-width: 52rem; background: #fff; border: 1px solid "
    "var(--line);\n"
    "  border-radius: 6px; padding: .5rem; overflow-x: auto; }\n"
    "figure svg { display: block; width: 100%; min-width: 34rem; height: auto; }\n"
    "@media print { body { max-width: none; padding: 0; font-size: 10pt; }\n"
    "  td { white-space: normal; } figure svg { min-width: 0; }\n"
    "  figure, tr, blockquote { break-inside: avoid; } h2, h3 { break-after: avoid; }\n"
    "  .wide, .tall { overflow: visible; max-height: none; } table { font-size: 8.5pt; } }\n"
    ".hint { display: none; margin: 1rem 0 -.6rem; color: var(--soft); font-size: .8rem;\n"
    "  font-style: italic; }\n";

static const char head_end[] = "</style>\n"
                               "</head>\n"
                               "<body>\n";

/* Screens up to this many rem have a style of their own: a phone, held upright. */
#define PHONE 40
#define MARGINS 2.5

/* Hints are told apart by every second rem from here to the page's own width. */
#define LEAST 20

static int step_below(double width) {
    if (width >= BODY_WIDTH)
        return BODY_WIDTH;
    return width < LEAST ? 0 : (int)width / 2 * 2;
}

void report_hint(double on_phone, double elsewhere, FILE *out) {
    int phone = step_below(on_phone), wide = step_below(elsewhere);
    if (wide + MARGINS <= PHONE)
        wide = 0;
    if (!phone && !wide)
        return;
    fputs("<p class=\"hint", out);
    if (phone)
        fprintf(out, " p%d", phone);
    if (wide)
        fprintf(out, " w%d", wide);
    fputs("\">wider than this page: scroll it sideways →</p>", out);
}

/* A hint shows where the screen is narrower than what it speaks of. */
static void put_hint_styles(FILE *out) {
    for (int step = LEAST; step <= BODY_WIDTH; step += 2) {
        double screen = step + MARGINS;
        fprintf(out, "@media (max-width: %.1frem) { .p%d { display: block; } }\n",
                screen < PHONE ? screen : PHONE, step);
        if (step == BODY_WIDTH)
            fprintf(out, "@media (min-width: %d.1rem) { .w%d { display: block; } }\n", PHONE, step);
        else if (screen > PHONE)
            fprintf(out,
                    "@media (min-width: %d.1rem) and (max-width: %.1frem) "
                    "{ .w%d { display: block; } }\n",
                    PHONE, screen, step);
    }
    fputs("@media print { .hint { display: none !important; } }\n", out);
}

void report_head(const char *title, FILE *out) {
    fputs(head, out);
    fputs(title, out);
    fputs(style, out);
    put_hint_styles(out);
    fputs(head_end, out);
}
