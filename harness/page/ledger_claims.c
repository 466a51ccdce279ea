/*
 * ledger_claims.c: the ledger itself: lab by lab and claim by claim, the verdicts of all sets
 * (ledger.h). What several sets say in the same words stands there once.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "harness/page/claim_table.h"
#include "harness/page/escape.h"
#include "harness/page/ledger_inside.h"
#include "harness/page/report.h"
#include "harness/page/units.h"

/* "confirmed in 2 sessions, bounded in 1". */
static void put_marks(const struct ledger_said *said, FILE *out) {
    const char *before = "";
    for (size_t m = 0; m < MARKS; m++) {
        if (said->marks[m] == 0)
            continue;
        fprintf(out, "%s%s in %zu%s", before, claim_mark_words((enum claim_mark)m), said->marks[m],
                *before               ? ""
                : said->marks[m] == 1 ? " session"
                                      : " sessions");
        before = ", ";
    }
}

/* "16", or "14 to 16" over the sessions. */
static void put_count(const struct ledger_said *said, size_t c, FILE *out) {
    char low[UNITS_TEXT], high[UNITS_TEXT];
    fputs(units_count(low, sizeof low, said->low[c]), out);
    if (said->low[c] != said->high[c])
        fprintf(out, " to %s", units_count(high, sizeof high, said->high[c]));
}

static void put_counts(const struct ledger_said *said, FILE *out) {
    if (said->high[3] == 0)
        return;
    fputs(" Checks: ", out);
    put_count(said, 0, out);
    fputs(" held, ", out);
    put_count(said, 1, out);
    fputs(" against, ", out);
    put_count(said, 2, out);
    fputs(" open.", out);
}

static void put_sentence(FILE *out, const char *text) {
    size_t length = strlen(text);
    escape_inline(out, text);
    if (length > 0 && !strchr(".!?", text[length - 1]))
        fputc('.', out);
}

/* All behind the name of who says it; malloc'ed, NULL: no memory. */
static char *words_of(const struct ledger_said *said) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    if (ledger_varies(said)) {
        fputs("**varies** (", out);
        put_marks(said, out);
        fputs("); where ", out);
        fprintf(out, "%s: ", claim_mark_words(said->mark));
    } else {
        fprintf(out, "**%s**: ", claim_mark_words(said->mark));
    }
    put_sentence(out, *claim_text(said->entry, "statement") ? claim_text(said->entry, "statement")
                                                            : claim_text(said->entry, "reason"));
    if (*claim_text(said->entry, "range")) {
        fputs(" *Range:* ", out);
        put_sentence(out, claim_text(said->entry, "range"));
    }
    put_counts(said, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* --- a lab -------------------------------------------------------------------------------------
 */

static void put_column(const struct ledger_column *c, FILE *out) {
    escape_inline(out, c->set->name);
    if (c->alone)
        return;
    fputs(", ", out);
    escape_inline(out, c->device);
}

static void put_overview(const struct ledger_lab *lab, FILE *out) {
    const char *id;
    json_t *entry;
    fputs("| | claim |", out);
    for (size_t c = 0; c < lab->column_count; c++) {
        fputc(' ', out);
        put_column(&lab->columns[c], out);
        fputs(" |", out);
    }
    fputs("\n|---|---|", out);
    for (size_t c = 0; c < lab->column_count; c++)
        fputs("---|", out);
    fputc('\n', out);
    json_object_foreach(lab->ids, id, entry) {
        fputs("| ", out);
        escape_inline(out, id);
        fputs(" | ", out);
        escape_inline(out, claim_text(entry, "claim"));
        fputs(" |", out);
        for (size_t c = 0; c < lab->column_count; c++) {
            const struct ledger_column *column = &lab->columns[c];
            struct ledger_said said = ledger_said_of(column->set, lab->name, id, column->device);
            if (!ledger_has_verdict(&said))
                fprintf(out, " – |");
            else if (ledger_varies(&said))
                fprintf(out, " %s varies |", report_sign(said.mark));
            else
                fprintf(out, " %s %s |", report_sign(said.mark), claim_mark_words(said.mark));
        }
        fputc('\n', out);
    }
    fputc('\n', out);
}

/* Who says something, in the words with which the others are compared. */
struct saying {
    const struct ledger_column *column;
    char *words;
    enum claim_mark mark;
    bool told;
};

static void tell(struct saying *list, size_t count, FILE *out) {
    for (size_t a = 0; a < count; a++) {
        if (list[a].told)
            continue;
        fprintf(out, "- %s ", report_sign(list[a].mark));
        for (size_t b = a; b < count; b++) {
            if (list[b].told || strcmp(list[a].words, list[b].words) != 0)
                continue;
            fputs(b > a ? "; " : "", out);
            put_column(list[b].column, out);
            list[b].told = true;
        }
        fprintf(out, ": %s\n", list[a].words);
    }
}

static int put_claim(const struct ledger_lab *lab, const char *id, const json_t *claim, FILE *out) {
    struct saying list[LEDGER_COLUMNS];
    size_t count = 0;
    int status = 0;
    for (size_t c = 0; c < lab->column_count; c++) {
        const struct ledger_column *column = &lab->columns[c];
        struct ledger_said said = ledger_said_of(column->set, lab->name, id, column->device);
        if (!ledger_has_verdict(&said))
            continue;
        list[count] = (struct saying){column, words_of(&said), said.mark, false};
        status |= list[count].words ? 0 : -1;
        count += list[count].words != NULL;
    }
    if (count > 0) {
        fputs("**", out);
        escape_inline(out, id);
        fputs("** ", out);
        put_sentence(out, claim_text(claim, "claim"));
        if (*claim_text(claim, "refuted_by")) {
            fputs(" *Would be refuted by* ", out);
            put_sentence(out, claim_text(claim, "refuted_by"));
        }
        fputs("\n\n", out);
        tell(list, count, out);
        fputc('\n', out);
    }
    for (size_t k = 0; k < count; k++)
        free(list[k].words);
    return status;
}

/* --- what was not asked ------------------------------------------------------------------------
 */

/* Why a set has no verdict on a claim; NULL: it has one, or does not know the claim. */
static const char *why_not(const struct ledger_set *set, const char *lab, const char *id) {
    const char *why = NULL;
    for (size_t k = 0; k < set->count; k++) {
        json_t *entry;
        size_t i;
        json_array_foreach(ledger_claims_of(&set->sessions[k], lab), i, entry) {
            if (strcmp(claim_text(entry, "id"), id) != 0)
                continue;
            if (claim_mark(entry) != MARK_NOT_TESTABLE)
                return NULL;
            why = why ? why : claim_text(entry, "reason");
        }
    }
    return why;
}

/* Adds the claim to those that the same sets were not asked for the same reason. */
static int add_not_asked(json_t *groups, const char *reason, const char *sets, const char *id) {
    char *key = NULL;
    if (asprintf(&key, "%s\n%s", reason, sets) < 0)
        return -1;
    json_t *ids = json_object_get(groups, key);
    int status = ids ? 0 : json_object_set_new(groups, key, ids = json_array());
    status |= json_array_append_new(ids, json_string(id));
    free(key);
    return status;
}

/* For each reason that a set has for this claim: which sets have it. */
static int group_claim(const struct ledger_lab *lab, const char *id, json_t *groups) {
    bool told[LEDGER_SETS_MOST] = {false};
    int status = 0;
    for (size_t a = 0; a < lab->count; a++) {
        const char *why = told[a] ? NULL : why_not(&lab->sets[a], lab->name, id);
        char *sets = NULL;
        size_t size;
        FILE *names = why ? open_memstream(&sets, &size) : NULL;
        if (!names) {
            status |= why ? -1 : 0;
            continue;
        }
        for (size_t b = a; b < lab->count; b++) {
            const char *its = why_not(&lab->sets[b], lab->name, id);
            if (!its || strcmp(its, why) != 0)
                continue;
            fprintf(names, "%s%s", b > a ? ", " : "", lab->sets[b].name);
            told[b] = true;
        }
        status |= fclose(names);
        status |= sets ? add_not_asked(groups, why, sets, id) : -1;
        free(sets);
    }
    return status;
}

static int put_not_asked(const struct ledger_lab *lab, FILE *out) {
    json_t *groups = json_object(), *ids, *one;
    const char *id, *key;
    size_t k;
    int status = groups ? 0 : -1;
    json_object_foreach(lab->ids, id, one) {
        status |= group_claim(lab, id, groups);
    }
    if (json_object_size(groups) > 0)
        fputs("Not testable, which is never a pass:\n\n", out);
    json_object_foreach(groups, key, ids) {
        const char *sets = strrchr(key, '\n');
        char reason[600];
        snprintf(reason, sizeof reason, "%.*s", (int)(sets - key), key);
        fputs("- ", out);
        json_array_foreach(ids, k, one) {
            fputs(k ? ", " : "", out);
            escape_inline(out, json_string_value(one));
        }
        fputs(" (", out);
        escape_inline(out, sets + 1);
        fputs("): ", out);
        put_sentence(out, *reason ? reason : "no reason");
        fputc('\n', out);
    }
    if (json_object_size(groups) > 0)
        fputc('\n', out);
    json_decref(groups);
    return status;
}

static int put_lab(struct ledger_lab *lab, const char *link, FILE *out) {
    const char *id;
    json_t *claim;
    int status = ledger_gather(lab);
    fputs("## ", out);
    if (*link)
        fprintf(out, "[%s](../labs/%s)", lab->name, lab->name); /* a lab's name is a plain one */
    else
        escape_inline(out, lab->name);
    fputs("\n\n", out);
    if (lab->column_count > 0)
        put_overview(lab, out);
    json_object_foreach(lab->ids, id, claim) {
        status |= put_claim(lab, id, claim, out);
    }
    status |= put_not_asked(lab, out);
    json_decref(lab->ids);
    return status;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* What its devices are, in few words. */
static void put_machine(const json_t *run, FILE *out) {
    const json_t *asked = json_object_get(run, "run"), *machine = json_object_get(run, "machine");
    const json_t *gpu = json_array_get(json_object_get(machine, "gpus"), 0);
    const char *label = text_of(asked, "label"), *devices = text_of(asked, "device_list");
    if (label && *label) {
        escape_inline(out, label);
    } else if (devices && strcmp(devices, "simt") == 0) {
        fputs("simulated ", out);
        escape_inline(out, text_of(asked, "simt_card"));
    } else if (gpu) {
        escape_inline(out, text_of(gpu, "name"));
    } else {
        escape_inline(out, text_of(json_object_get(machine, "cpu"), "model"));
    }
}

static void put_sets(const struct ledger_set *sets, size_t count, const char *link, FILE *out) {
    fputs("| set | what it is | sessions | mode | nanolab |\n|---|---|--:|---|---|\n", out);
    for (size_t s = 0; s < count; s++) {
        const json_t *run = sets[s].sessions[0].run, *build = json_object_get(run, "software");
        fputs(*link ? "| [" : "| ", out);
        escape_inline(out, sets[s].name);
        if (*link)
            fprintf(out, "](%s%s)", link, sets[s].name);
        fputs(" | ", out);
        put_machine(run, out);
        fprintf(out, " | %zu | ", sets[s].count);
        escape_inline(out, text_of(json_object_get(run, "run"), "mode"));
        fputs(" | ", out);
        escape_inline(out, text_of(build, "version"));
        fputs(json_is_true(json_object_get(build, "dirty")) ? ", modified |\n" : " |\n", out);
    }
    fputc('\n', out);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of all labs, sorted; they belong to the sets. */
static size_t labs_of(const struct ledger_set *sets, size_t count, const char **names,
                      size_t most) {
    size_t found = 0;
    for (size_t s = 0; s < count; s++)
        for (size_t k = 0; k < sets[s].count; k++) {
            const char *lab;
            json_t *claims;
            json_object_foreach(sets[s].sessions[k].labs, lab, claims) {
                size_t i = 0;
                while (i < found && strcmp(names[i], lab) != 0)
                    i++;
                if (i == found && found < most)
                    names[found++] = lab;
            }
        }
    qsort(names, found, sizeof *names, by_name);
    return found;
}

int ledger_claims(const struct ledger_set *sets, size_t count, const char *link, FILE *out) {
    const char *names[LIMIT_LABS];
    size_t labs = labs_of(sets, count, names, LIMIT_LABS);
    int status = 0;
    struct ledger_lab *lab = calloc(1, sizeof *lab);
    fputs("# Claims, and what became of them\n\n", out);
    if (*link)
        fputs("Made by `make claims` from the [reference results](../results/README.md); a test "
              "fails where it is\nnot what they say. Nothing here is typed.\n\n",
              out);
    put_sets(sets, count, link, out);
    fputs(
        "✔ confirmed: measured, by a check that could have failed. ✘ refuted: measured, and "
        "false as stated.\n◐ bounded: true in the range given. **varies**: not the same verdict in "
        "all sessions. A single check\nheld, went against the claim, or is open (its interval "
        "includes the threshold); two numbers are the least\nand the most of the sessions. A set "
        "with several devices has a line for each.\n\n",
        out);
    status |= ledger_rests(names, labs, sets, count, out);
    for (size_t k = 0; lab && k < labs; k++) {
        *lab = (struct ledger_lab){.name = names[k], .sets = sets, .count = count};
        status |= put_lab(lab, link, out);
    }
    status = lab ? status : -1;
    free(lab);
    return status == 0 ? 0 : -1;
}
