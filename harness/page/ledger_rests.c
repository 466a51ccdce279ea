/*
 * ledger_rests.c: the table of what the claims rest on: on which rung between the source of a
 * kernel and a real machine each has which verdicts (rests.h, ledger_inside.h).
 */
#include <stdlib.h>

#include "harness/page/escape.h"
#include "harness/page/ledger_inside.h"
#include "harness/page/report.h"
#include "harness/store/rests.h"

/* How many devices of sets have a verdict on a rung. */
struct rungs {
    size_t marks[RESTS][MARKS];
};

static struct rungs rungs_of(const struct ledger_lab *lab, const char *id) {
    struct rungs rungs = {{{0}}};
    for (size_t c = 0; c < lab->column_count; c++) {
        const struct ledger_column *column = &lab->columns[c];
        const struct ledger_said said = ledger_said_of(column->set, lab->name, id, column->device);
        const struct rests_on on = rests_of_claim(said.entry);
        for (int r = 0; ledger_has_verdict(&said) && r < RESTS; r++)
            rungs.marks[r][said.mark] += on.rows[r] > 0;
    }
    return rungs;
}

static bool is_on(const struct rungs *rungs, int rung) {
    size_t any = 0;
    for (int m = 0; m < MARKS; m++)
        any += m == MARK_NOT_TESTABLE ? 0 : rungs->marks[rung][m];
    return any > 0;
}

static void put_row(const char *id, const json_t *claim, const struct rungs *rungs,
                    const bool shown[RESTS], FILE *out) {
    int highest = RESTS - 1;
    while (highest >= 0 && !is_on(rungs, highest))
        highest--;
    if (highest < 0)
        return;
    fputs("| ", out);
    escape_inline(out, id);
    fputs(" | ", out);
    escape_inline(out, claim_text(claim, "claim"));
    fprintf(out, " | %s |", rests_name((enum rests)highest));
    for (int r = 0; r < RESTS; r++) {
        if (!shown[r])
            continue;
        for (int m = 0; m < MARKS; m++) {
            size_t n = m == MARK_NOT_TESTABLE ? 0 : rungs->marks[r][m];
            if (n > 0)
                fprintf(out, " %s", report_sign((enum claim_mark)m));
            if (n > 1)
                fprintf(out, "×%zu", n);
        }
        fputs(is_on(rungs, r) ? " |" : " – |", out);
    }
    fputc('\n', out);
}

static void put_head(const bool shown[RESTS], FILE *out) {
    fputs("| | claim | highest |", out);
    for (int r = 0; r < RESTS; r++)
        if (shown[r])
            fprintf(out, " %s |", rests_name((enum rests)r));
    fputs("\n|---|---|---|", out);
    for (int r = 0; r < RESTS; r++)
        if (shown[r])
            fputs("---|", out);
    fputc('\n', out);
}

static void put_table(const struct ledger_lab *labs, size_t count, FILE *out) {
    bool shown[RESTS] = {false}, any = false;
    const char *id;
    json_t *claim;
    for (size_t k = 0; k < count; k++)
        json_object_foreach(labs[k].ids, id, claim) {
            const struct rungs rungs = rungs_of(&labs[k], id);
            for (int r = 0; r < RESTS; r++) {
                shown[r] |= is_on(&rungs, r);
                any |= shown[r];
            }
        }
    if (!any)
        return;
    /* What nothing rests on is to be seen. */
    for (int r = RESTS_SOURCE; r < RESTS; r++)
        shown[r] = true;
    fputs("## What they rest on\n\n"
          "Source: kernels of a GPU on the simulated one, from their source. PTX, SASS: what nvcc "
          "made of them, run\non a CPU. Published measurements: rules of matrix units that give "
          "every bit of them; a published model:\nrules that no measurement at hand has tested. "
          "Silicon: a GPU, or a CPU with kernels of its own.\nSimulation: ranks of a collective "
          "that were simulated. A verdict with rows on several stands under each;\n×3: on three "
          "devices of sets.\n\n",
          out);
    put_head(shown, out);
    for (size_t k = 0; k < count; k++)
        json_object_foreach(labs[k].ids, id, claim) {
            const struct rungs rungs = rungs_of(&labs[k], id);
            put_row(id, claim, &rungs, shown, out);
        }
    fputc('\n', out);
}

int ledger_rests(const char *const *names, size_t name_count, const struct ledger_set *sets,
                 size_t count, FILE *out) {
    struct ledger_lab *labs = calloc(name_count + 1, sizeof *labs);
    int status = labs ? 0 : -1;
    for (size_t k = 0; labs && k < name_count; k++) {
        labs[k] = (struct ledger_lab){.name = names[k], .sets = sets, .count = count};
        status |= ledger_gather(&labs[k]);
    }
    if (status == 0)
        put_table(labs, name_count, out);
    for (size_t k = 0; labs && k < name_count; k++)
        json_decref(labs[k].ids);
    free(labs);
    return status;
}
