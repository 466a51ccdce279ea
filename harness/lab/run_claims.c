/*
 * run_claims.c: the table of claims drives the run: which claim is asked on which device, the
 * sweeps in the table's order, and the verdicts.
 */
#include <stdio.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/run.h"
#include "harness/lab/tables.h"
#include "harness/stop.h"
#include "harness/store/rests.h"
#include "harness/store/result.h"

/* The devices of the run that a claim is asked on; how many. */
static size_t asked_on(const struct lab_run *run, const struct claim *claim,
                       struct device *out[2 * RUN_DEVICES_MAX]) {
    size_t count = 0;
    for (size_t k = 0; k < run->opened_count; k++) {
        struct device *device = run->opened[k];
        bool part = (claim->on & CLAIM_BITS && lab_checks_bits(run, device)) ||
                    (claim->on & CLAIM_TIME && lab_measures_time(run, device));
        bool kind = !claim->only || claim->only & LAB_ON(device_kind(device));
        if (part && kind && (count == 0 || !claim->once))
            out[count++] = device;
    }
    return count;
}

/* Whether an earlier claim that is asked on the device too names the same sweep. */
static bool is_swept(const struct lab_run *run, size_t claim, const struct device *device) {
    const struct claim *claims = run->lab->claims;
    for (size_t i = 0; i < claim; i++) {
        struct device *on[2 * RUN_DEVICES_MAX];
        size_t count = claims[i].sweep == claims[claim].sweep ? asked_on(run, &claims[i], on) : 0;
        for (size_t k = 0; k < count; k++)
            if (on[k] == device)
                return true;
    }
    return false;
}

int run_sweeps(struct lab_run *run) {
    const struct lab *lab = run->lab;
    if (run->predict && lab->predict && lab->predict(run) != 0)
        return -1;
    for (size_t i = 0; i < lab->claim_count; i++) {
        struct device *on[2 * RUN_DEVICES_MAX];
        size_t count = asked_on(run, &lab->claims[i], on);
        for (size_t k = 0; k < count && lab->claims[i].sweep; k++) {
            if (lab_stopping(run))
                return 0;
            if (is_swept(run, i, on[k]))
                continue;
            stop_hold(true);
            int status = lab->claims[i].sweep(run, on[k]);
            stop_hold(false);
            if (status != 0 || run->error[0])
                return -1;
        }
    }
    return lab_stopping(run) ? 0 : tables_write(run, lab->tables, lab->table_count);
}

/* What a claim needs and no device of this run has. */
static void say_needs(const struct claim *claim, const struct lab *lab, char *out, size_t size) {
    unsigned kinds = 0;
    if (claim->on & CLAIM_BITS)
        kinds |= lab->bits_devices;
    if (claim->on & CLAIM_TIME)
        kinds |= lab->time_devices & ~LAB_ON(DEVICE_SIMT);
    if (claim->only)
        kinds &= claim->only;
    snprintf(out, size, "needs %s on",
             claim->on == CLAIM_TIME   ? "times, measured"
             : claim->on == CLAIM_BITS ? "bits, checked"
                                       : "bits or times");
    for (int k = DEVICE_KINDS - 1; k >= 0; k--)
        if (kinds & LAB_ON(k)) {
            size_t used = strlen(out);
            snprintf(out + used, size - used, "%s %s", kinds >> (k + 1) ? " or" : "",
                     device_kind_name((enum device_kind)k));
        }
    size_t used = strlen(out);
    snprintf(out + used, size - used, "; this run has none of them");
}

static int record(struct lab_run *run, const struct claim *claim, const char *device,
                  struct finding *finding) {
    if (result_claim(run->result, claim, device, finding) == 0)
        return 0;
    return lab_error(run, "%s", error_text());
}

static json_t *count_rests(const struct rows *rows) {
    struct rests_on on = {{0}};
    for (size_t k = 0; k < rows->count; k++) {
        enum rests rests = rests_of_row(rows->list[k].record, rows->list[k].cells);
        if (rests < RESTS)
            on.rows[rests]++;
    }
    return rests_json(&on);
}

static int judge_on(struct lab_run *run, const struct claim *claim, const char *device) {
    struct finding finding = {0};
    struct rows rows;
    if (rows_load(run, claim->cases, device, &rows) != 0)
        return -1;
    if (rows.count == 0)
        finding_not_testable(&finding, "no case of it could be recorded on %s; the notes say why",
                             device);
    else
        claim->check(&rows, &finding);
    if (finding.verdict != VERDICT_NOT_TESTABLE)
        finding.rests = count_rests(&rows);
    rows_free(&rows);
    return record(run, claim, device, &finding);
}

static int judge_nowhere(struct lab_run *run, const struct claim *claim, const char *device,
                         const char *reason) {
    struct finding finding = {0};
    finding_not_testable(&finding, "%s", reason);
    return record(run, claim, device, &finding);
}

/* Whether a claim would be asked on a device that is missing. */
static bool would_ask(const struct lab *lab, const struct claim *claim, const char *device) {
    char kind[24];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(device, ":"), device);
    for (int k = 0; k < DEVICE_KINDS; k++)
        if (strcmp(kind, device_kind_name((enum device_kind)k)) == 0) {
            unsigned kinds = (claim->on & CLAIM_BITS ? lab->bits_devices : 0) |
                             (claim->on & CLAIM_TIME ? lab->time_devices : 0);
            return kinds & LAB_ON(k) && (!claim->only || claim->only & LAB_ON(k));
        }
    return true;
}

/* The claim wherever it can be asked; what cannot be asked anywhere is said once. */
static int judge_claim(struct lab_run *run, const struct claim *claim) {
    struct device *on[2 * RUN_DEVICES_MAX];
    size_t count = asked_on(run, claim, on), asked = count;
    char needs[200];
    int status = 0;
    for (size_t k = 0; k < count && status == 0; k++)
        status = judge_on(run, claim, device_id(on[k]));
    for (size_t k = 0; k < run->missing_count && status == 0; k++)
        if (would_ask(run->lab, claim, run->missing[k].id)) {
            status = judge_nowhere(run, claim, run->missing[k].id, run->missing[k].reason);
            asked++;
        }
    if (asked > 0 || status != 0)
        return status;
    say_needs(claim, run->lab, needs, sizeof needs);
    return judge_nowhere(run, claim, "none", needs);
}

int run_judge(struct lab_run *run) {
    for (size_t i = 0; i < run->lab->claim_count; i++) {
        run->error[0] = '\0';
        if (lab_stopping(run) || judge_claim(run, &run->lab->claims[i]) != 0)
            return -1;
    }
    return 0;
}
