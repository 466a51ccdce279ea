/*
 * compare_md_headline.c: what a reader who reads no further should know: a sentence or two of each
 * side beside A, on times, bits, verdicts and code (compare_page.h).
 */
#include <math.h>

#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_question.h"
#include "harness/page/units.h"

static const char *number(char text[UNITS_TEXT], size_t n) {
    return units_count(text, UNITS_TEXT, (long long)n);
}

/* Of those with a time on both sides; the others are not comparable either. */
static size_t of_verdict(const struct compare *c, enum compare_verdict verdict) {
    size_t all = 0;
    for (int v = 0; v < COMPARE_VERDICTS; v++)
        all += c->verdicts[v];
    size_t halves = all > c->timed ? all - c->timed : 0;
    return c->verdicts[verdict] - (verdict == COMPARE_NOT_COMPARABLE ? halves : 0);
}

/* ", 12 same", if there are any. */
static void and_so_many(const struct compare *c, enum compare_verdict verdict, const char **between,
                        FILE *out) {
    char text[UNITS_TEXT];
    size_t n = of_verdict(c, verdict);
    if (n == 0)
        return;
    fprintf(out, "%s%s %s", *between, number(text, n),
            verdict == COMPARE_NOT_COMPARABLE ? "not comparable" : compare_verdict_name(verdict));
    *between = ", ";
}

static void times(const struct compare *c, FILE *out) {
    size_t slower = c->verdicts[COMPARE_SLOWER], faster = c->verdicts[COMPARE_FASTER];
    char all[UNITS_TEXT], text[UNITS_TEXT], more[UNITS_TEXT];
    const char *between = " (";
    number(all, c->timed);
    if (c->timed == 0) {
        fputs("no case has a time on both sides.", out);
        return;
    }
    if (c->busy == c->timed)
        fprintf(out, "**no time can be compared** (%s case%s).", all, c->timed == 1 ? "" : "s");
    if (c->busy == c->timed)
        return;
    if (slower + faster == 0)
        fprintf(out, "**no case of %s is slower or faster**", all);
    else if (slower > 0 && faster > 0)
        fprintf(out, "**%s slower and %s faster** of %s cases", number(text, slower),
                number(more, faster), all);
    else
        fprintf(out, "**%s of %s cases %s**", number(text, slower + faster), all,
                slower > 0 ? "slower" : "faster");
    and_so_many(c, COMPARE_SAME, &between, out);
    and_so_many(c, COMPARE_AMBIGUOUS, &between, out);
    and_so_many(c, COMPARE_NOT_COMPARABLE, &between, out);
    fputs(*between == ',' ? ")" : "", out);
    if (isfinite(c->mean)) {
        fputs("; on average ", out);
        compare_markdown_ratio(c->mean, out);
        fputs(" the time of A", out);
    }
    if (isfinite(c->mean) && isfinite(c->normalised_mean)) {
        fputs(", ", out);
        compare_markdown_ratio(c->normalised_mean, out);
        fputs(" each over its own roof", out);
    }
    fputc('.', out);
}

static void loads(const struct compare_section *s, FILE *out) {
    const struct compare *c = s->c;
    char says[COMPARE_LOADS_BYTES];
    if (c->busy > 0)
        fprintf(out, " **Measured beside unlike load:** %s. What to do: %s.",
                compare_loads_say(&c->loads, s->letter, says), compare_loads_advice);
}

static void bits(const struct compare *c, FILE *out) {
    char all[UNITS_TEXT], text[UNITS_TEXT];
    size_t n = c->bits_equal + c->bits_differ + c->bits_vary;
    number(all, n);
    if (n > 0 && n == c->bits_equal)
        fprintf(out, " Bits are equal in %s%s case%s.", n == 1 ? "" : "all ", all,
                n == 1 ? "" : "s");
    if (c->bits_differ > 0)
        fprintf(out, " **Bits differ in %s of %s cases.**", number(text, c->bits_differ), all);
    if (c->questions->wrong > 0)
        fprintf(out, " **Bits differ in %s pairs of plans with one tree.**",
                number(text, c->questions->wrong));
    if (c->bits_vary > 0)
        fprintf(out, " Bits vary between sessions of one side in %s.", number(text, c->bits_vary));
    if (c->bits_arrival > 0)
        fprintf(out, " In %s more the order of arrival decides the bits, by design.",
                number(text, c->bits_arrival));
}

static void verdicts(const struct compare *c, FILE *out) {
    size_t n = compare_claims_count(c->claims, COMPARE_CONTRADICTION), all;
    all = json_array_size(c->claims);
    if (n > 0)
        fprintf(out, " **%zu verdict%s of %zu contradict%s that of A.**", n, n == 1 ? "" : "s", all,
                n == 1 ? "s" : "");
    else if (all > 0)
        fprintf(out, " No verdict of %zu contradicts that of A.", all);
}

static void machine_code(const struct compare *c, FILE *out) {
    if (c->same_code)
        fputs(" The same machine code.", out);
    else if (c->code[COMPARE_CODE_DIFFERS] > 0)
        fprintf(out, " Other machine code in %zu of %zu cases.", c->code[COMPARE_CODE_DIFFERS],
                c->count);
}

/* --- many sides --------------------------------------------------------------------------------
 */

#define SENTENCES_MOST 3

static void row(const struct compare_section *s, FILE *out) {
    static const enum compare_verdict order[] = {COMPARE_SLOWER, COMPARE_FASTER, COMPARE_SAME,
                                                 COMPARE_AMBIGUOUS, COMPARE_NOT_COMPARABLE};
    const struct compare *c = s->c;
    char text[UNITS_TEXT];
    fprintf(out, "| **%s** | ", s->letter);
    compare_markdown_ratio(c->mean, out);
    fputs(" | ", out);
    compare_markdown_ratio(c->normalised_mean, out);
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        fprintf(out, " | %s", number(text, of_verdict(c, order[k])));
    fprintf(out, " | %s", number(text, c->bits_differ));
    fprintf(out, " of %s", number(text, c->bits_equal + c->bits_differ + c->bits_vary));
    fprintf(out, " | %zu of %zu |\n", compare_claims_count(c->claims, COMPARE_CONTRADICTION),
            json_array_size(c->claims));
}

static void table(const struct compare_page *page, FILE *out) {
    fputs("| beside A | mean ratio | over roofs | slower | faster | same | ambiguous | not "
          "comparable "
          "| bits that differ | verdicts that contradict |\n"
          "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
          out);
    for (size_t k = 0; k < page->count; k++)
        row(&page->sections[k], out);
    fputc('\n', out);
    for (size_t k = 0; k < page->count; k++)
        if (page->sections[k].c->busy > 0) {
            fprintf(out, "- %s:", page->sections[k].letter);
            loads(&page->sections[k], out);
            fputs("\n\n", out);
        }
}

void compare_markdown_headline(const struct compare_page *page, FILE *out) {
    if (page->count > SENTENCES_MOST) {
        table(page, out);
        return;
    }
    for (size_t k = 0; k < page->count; k++) {
        const struct compare *c = page->sections[k].c;
        fprintf(out, "- **%s beside A:** ", page->sections[k].letter);
        times(c, out);
        loads(&page->sections[k], out);
        bits(c, out);
        verdicts(c, out);
        machine_code(c, out);
        fputc('\n', out);
    }
    fputc('\n', out);
}
