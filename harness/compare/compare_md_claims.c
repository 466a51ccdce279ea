/*
 * compare_md_claims.c: a comparison's page: claims whose verdicts contradict each other, and those
 * that are merely not equal (compare_page.h). What comes from a side goes through escape_inline().
 */
#include <string.h>

#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_page.h"
#include "harness/page/claim_table.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"

#define CLAIMS_SHOWN 40

/* --- one claim ---------------------------------------------------------------------------------
 */

/* A claim on all sides: entries of comparisons, NULL where a side has none. */
struct verdicts {
    const json_t *claim; /* A's own */
    const json_t *entry[COMPARE_SIDES_MOST];
    const char *word[COMPARE_SIDES_MOST]; /* NULL: that side has it not */
    enum compare_relation relation;       /* the worst between any two */
    bool varies;
};

/* How far the entries of each comparison have been read: they are in the order of A's claims. */
struct place {
    size_t at[COMPARE_SIDES_MOST];
};

/* The entry of one of A's claims, the next of them; NULL: the other side has no such claim. */
static const json_t *entry_of(const struct compare *c, const json_t *claim, size_t *at) {
    const json_t *entry = json_array_get(c->claims, *at);
    bool found = entry &&
                 json_equal(json_object_get(entry, "lab"), json_object_get(claim, "lab")) &&
                 json_equal(json_object_get(entry, "id"), json_object_get(claim, "id")) &&
                 json_equal(json_array_get(json_object_get(entry, "devices"), 0),
                            json_object_get(claim, "device"));
    *at += found;
    return found ? entry : NULL;
}

static struct verdicts verdicts_of(const struct compare_page *page, const json_t *claim,
                                   struct place *place) {
    struct verdicts v = {.claim = claim, .relation = COMPARE_AGREE};
    v.word[0] = claim_text(claim, "verdict");
    v.varies = json_is_true(json_object_get(claim, "varies"));
    for (size_t k = 1; k <= page->count; k++) {
        v.entry[k] = entry_of(page->sections[k - 1].c, claim, &place->at[k]);
        v.word[k] = json_string_value(json_array_get(json_object_get(v.entry[k], "verdicts"), 1));
        v.varies |= json_is_true(json_object_get(v.entry[k], "varies"));
    }
    for (size_t a = 0; a <= page->count; a++)
        for (size_t b = 0; b < a; b++) {
            enum compare_relation relation =
                v.word[a] && v.word[b] ? compare_relation_of(v.word[a], v.word[b]) : COMPARE_AGREE;
            v.relation = relation > v.relation ? relation : v.relation;
        }
    return v;
}

static enum claim_mark mark_of(const char *word) {
    json_t *entry = json_pack("{s:s, s:b}", "verdict", word, "broken", strcmp(word, "broken") == 0);
    enum claim_mark mark = claim_mark(entry);
    json_decref(entry);
    return mark;
}

/* What the k-th side says of it besides the verdict: 0 is A, whose claim it is. */
static const json_t *said(const struct verdicts *v, size_t k, const char *name,
                          const char *joined) {
    return k == 0 ? json_object_get(v->claim, name)
                  : json_array_get(json_object_get(v->entry[k], joined), 1);
}

/* --- lists of claims ---------------------------------------------------------------------------
 */

static void verdict_row(const struct compare_page *page, const struct verdicts *v, FILE *out) {
    fputs("| ", out);
    escape_inline(out, claim_text(v->claim, "id"));
    fputs(" | ", out);
    escape_inline(out, claim_text(v->claim, "claim"));
    fputs(" | ", out);
    escape_inline(out, claim_text(v->claim, "device"));
    fputs(" |", out);
    for (size_t k = 0; k <= page->count; k++)
        if (v->word[k])
            fprintf(out, " %s %s |", report_sign(mark_of(v->word[k])),
                    claim_mark_words(mark_of(v->word[k])));
        else
            fputs(" – |", out);
    fputc('\n', out);
}

static void name_claim(const struct verdicts *v, FILE *out) {
    escape_strong(out, claim_text(v->claim, "id"));
    fputs(" of ", out);
    escape_inline(out, claim_text(v->claim, "lab"));
    fputs(":\n\n", out);
}

/* What each side found, in its own words. */
static void findings(const struct compare_page *page, const struct verdicts *v, FILE *out) {
    name_claim(v, out);
    for (size_t k = 0; k <= page->count; k++) {
        const char *statement = json_string_value(said(v, k, "statement", "statements"));
        if (!v->word[k])
            continue;
        fprintf(out, "- %c, %s on ", (char)('A' + k), claim_mark_words(mark_of(v->word[k])));
        escape_inline(out, json_string_value(said(v, k, "device", "devices")));
        if (statement && *statement) {
            fputs(": ", out);
            escape_inline(out, statement);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
}

/* Of a side whose sessions do not agree: which verdict in how many. */
static void sessions_row(const struct compare_page *page, const struct verdicts *v, FILE *out) {
    fputs("| ", out);
    escape_inline(out, claim_text(v->claim, "id"));
    fputs(" | ", out);
    escape_inline(out, claim_text(v->claim, "lab"));
    fputs(" |", out);
    for (size_t k = 0; k <= page->count; k++) {
        const json_t *list = said(v, k, "sessions", "sessions");
        const char *word, *between = " ";
        json_t *count;
        json_object_foreach((json_t *)list, word, count) {
            if (json_object_size(list) < 2)
                break;
            fprintf(out, "%s%s %lld", between, claim_mark_words(mark_of(word)),
                    (long long)json_integer_value(count));
            between = ", ";
        }
        fputs(json_object_size(list) < 2 ? " – |" : " |", out);
    }
    fputc('\n', out);
}

static bool contradicts(const struct verdicts *v) {
    return v->relation == COMPARE_CONTRADICTION;
}

static bool is_other(const struct verdicts *v) {
    return v->relation == COMPARE_OTHER_VERDICT;
}

static bool varies(const struct verdicts *v) {
    return v->varies;
}

/* `print` for the first claims that `takes` takes. */
static void each(const struct compare_page *page, bool (*takes)(const struct verdicts *),
                 void (*print)(const struct compare_page *, const struct verdicts *, FILE *),
                 FILE *out) {
    struct place place = {{0}};
    json_t *claim;
    size_t k, shown = 0;
    json_array_foreach(compare_page_side(page, 0)->claims, k, claim) {
        struct verdicts v = verdicts_of(page, claim, &place);
        if (takes(&v) && shown++ < CLAIMS_SHOWN)
            print(page, &v, out);
    }
}

/* A table of the `count` claims that `takes` takes, then what each side found. */
static void listed(const struct compare_page *page, bool (*takes)(const struct verdicts *),
                   size_t count, FILE *out) {
    compare_markdown_head(page, "| claim | on", 3, out);
    each(page, takes, verdict_row, out);
    fputc('\n', out);
    if (count > CLAIMS_SHOWN)
        fprintf(out, "And %zu more, which `--json` has.\n\n", count - CLAIMS_SHOWN);
    each(page, takes, findings, out);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

struct tally {
    size_t shared, contradict, other, vary; /* claims that two sides at least have */
};

static struct tally tally(const struct compare_page *page) {
    struct tally t = {0};
    struct place place = {{0}};
    json_t *claim;
    size_t k;
    json_array_foreach(compare_page_side(page, 0)->claims, k, claim) {
        struct verdicts v = verdicts_of(page, claim, &place);
        bool shared = false;
        for (size_t s = 1; s <= page->count; s++)
            shared |= v.word[s] != NULL;
        t.shared += shared;
        t.contradict += contradicts(&v);
        t.other += is_other(&v);
        t.vary += v.varies;
    }
    return t;
}

void compare_markdown_claims(const struct compare_page *page, FILE *out) {
    const struct tally t = tally(page);
    fputs("## Claims whose verdicts contradict each other\n\n", out);
    if (t.contradict == 0)
        fputs("None: no verdict of one side contradicts one of another.", out);
    else
        fprintf(out, "**%zu of %zu claims that more than one side has.**", t.contradict, t.shared);
    fprintf(out, " %zu agree, or could not be tested on one of the sides",
            t.shared - t.contradict - t.other);
    if (t.other > 0)
        fprintf(out, "; %zu have other verdicts without a contradiction, see below", t.other);
    fputs(".\n\n", out);
    if (t.contradict > 0)
        listed(page, contradicts, t.contradict, out);
}

void compare_markdown_other_claims(const struct compare_page *page, FILE *out) {
    const struct tally t = tally(page);
    if (t.other + t.vary > 0)
        fputs("## Verdicts that vary without a contradiction\n\n", out);
    if (t.other > 0) {
        fprintf(out,
                "### Between sides: %zu claim%s\n\nNot equal, and no contradiction: runs of one "
                "unchanged machine can differ so.\n\n",
                t.other, t.other == 1 ? "" : "s");
        listed(page, is_other, t.other, out);
    }
    if (t.vary > 0) {
        fprintf(out,
                "### Between sessions of one side: %zu claim%s\n\nIn how many sessions which "
                "verdict; that of most of them counts for the side.\n\n",
                t.vary, t.vary == 1 ? "" : "s");
        compare_markdown_head(page, "| lab", 2, out);
        each(page, varies, sessions_row, out);
        fputc('\n', out);
        if (t.vary > CLAIMS_SHOWN)
            fprintf(out, "And %zu more, which `--json` has.\n\n", t.vary - CLAIMS_SHOWN);
    }
}
