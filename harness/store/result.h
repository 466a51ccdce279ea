/*
 * result.h: a result folder, as written by a run.
 *
 *     DIR/run.json             provenance of the machine and the run
 *     DIR/01-float-staging/    one subfolder per lab, with one writer:
 *         cases.jsonl          the hashed journal: a start record, one line per case, an end record
 *         claims.json          the verdicts
 *         benchmark.json       the timing series in Google Benchmark's own schema
 *         *.tsv  side/  plots/ tables behind plots, long series, plots
 *
 * DIR and each subfolder appear by rename of a finished temporary sibling, so that a folder
 * without its run.json, or a lab's without its start record, never exists. docs/results.md has
 * the format.
 *
 * The driver (`nanolab run`) calls result_run_create, then starts labs that open with RESULT_JOIN,
 * then result_run_finish. A lab started by hand opens with RESULT_NEW and does all three. Under
 * --resume, result_recorded tells what mode, seed and devices to go on with, and the lab opens
 * with RESULT_RESUME, whether or not its subfolder exists yet.
 *
 * Functions that return int give 0, or -1 with one line in error_text() that names the file and
 * what to do. Such a failure ends the program with status 2: nothing already recorded is lost.
 */
#ifndef NANOLAB_HARNESS_RESULT_H
#define NANOLAB_HARNESS_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "harness/store/others.h"

#define RESULT_DEVICES_MAX 16
#define RESULT_LABS_MAX 32
#define RESULT_PATH_MAX 4096

struct result;
struct reader;

enum result_entry {
    RESULT_NEW,    /* DIR must not exist (an empty folder will do); made with run.json */
    RESULT_JOIN,   /* DIR has run.json; the lab's subfolder must not exist */
    RESULT_RESUME, /* DIR has run.json; the lab's subfolder is taken up, or made */
};

/* Everything a folder records about how the run was asked for. Nothing is kept by reference. */
struct result_setup {
    const char *dir;
    const struct lab *lab; /* NULL in the driver */
    enum lab_mode mode;
    uint64_t seed;
    struct device *const *bits; /* the opened devices, as in struct lab_run; none in the driver */
    size_t bits_count;
    struct device *const *time;
    size_t time_count;
    const char *device_list; /* the text of --device, NULL if it was not given */
    const char *simt_card;   /* the card that the SIMT machine simulates, or NULL */
    const char *const *labs; /* the labs asked for, "01-float-staging"; the driver's only */
    size_t lab_count;
    const char *label; /* of --label, or NULL */
    int argc;          /* recorded with the folders of paths cut off: they name users */
    char *const *argv;
};

/* What a folder says about the run that made it. */
struct result_recorded {
    enum lab_mode mode;
    uint64_t seed;
    char device_list[256]; /* "" if --device was not given */
    char label[256];       /* "" if none */
    char simt_card[32];    /* "" if none is recorded */
    char schedule[32];     /* of what is simulated; "": the usual one */
    char labs[RESULT_LABS_MAX][64];
    size_t lab_count;
    /* Of the lab asked about: */
    bool started;  /* its subfolder exists: use the devices below, not device_list */
    bool complete; /* its end record is there: nothing is left to do */
    size_t cases;
    char bits[RESULT_DEVICES_MAX][24]; /* device ids: "simt", "cuda:0" */
    size_t bits_count;
    char time[RESULT_DEVICES_MAX][24];
    size_t time_count;
};

/* "quick", "default", "full"; the parser returns -1 for anything else. */
const char *result_mode_name(enum lab_mode mode);
int result_mode_parse(const char *text, enum lab_mode *mode);

/* The driver's part. */
int result_run_create(const struct result_setup *setup);
/* Adds the time of the end, whether everything asked for was done, and what other programs took
 * since `begun` (NULL: not known), beside what an earlier part of the run has of that. */
int result_run_finish(const char *dir, bool complete, const struct others_mark *begun);
/* `lab` is the subfolder's name, "01-float-staging", or NULL for run.json alone. */
int result_recorded(const char *dir, const char *lab, struct result_recorded *out);
/* A fresh folder name below `parent`: "results/20261121T055902Z", "-2" and so on added when it
 * is taken. */
int result_default_dir(const char *parent, char *out, size_t size);

/* The lab's part. */
int result_open(struct result **out, enum result_entry how, const struct result_setup *setup);
/* Closes the journal without an end record unless result_finish was called; frees. */
void result_close(struct result *result);

/* True if an earlier session finished this lab: show result_claims(), do not run the sweep. */
bool result_complete(const struct result *result);
/* True once writing failed: exit status 2 with error_text(). */
bool result_failed(const struct result *result);
/* The lab's folder, "DIR/01-float-staging". */
const char *result_folder(const struct result *result);
/* Cases in the journal, and how many of them an earlier session recorded. */
size_t result_case_count(const struct result *result);
size_t result_resumed_count(const struct result *result);

/* Records the verdict of one claim on one device; takes over finding->evidence,
 * finding->numbers and finding->rests. A finding that
 * contradicts itself (bounded without a range, held > checked, …) is refused: -1. */
int result_claim(struct result *result, const struct claim *claim, const char *device_id,
                 struct finding *finding);
/* The array of claims so far (borrowed), in claims.json's own form. */
const json_t *result_claims(const struct result *result);

/* Writes claims.json and benchmark.json, then the journal's end record. A run that was
 * interrupted does not call this: it stays partial, which is valid, and can be resumed. */
int result_finish(struct result *result);

/* A remark for the report, into the journal; one text is recorded once. */
int result_note(struct result *result, const char *text);

/* --- for case.c --- */

/* What is recorded so far. */
const struct reader *result_reader(const struct result *result);
/* Appends a case's record under its key and syncs it. */
int result_append(struct result *result, const char *device, const char *id, const json_t *record);
/* Appends the cases of a group, whole or not at all; each record has its member "group". */
int result_append_group(struct result *result, const char *device, const char *group,
                        json_t *const *records, size_t count);
/* Writes DIR/<lab>/side/<name> before the record that names it; replaces what a crash left. */
int result_side(struct result *result, const char *name, const void *data, size_t size);

/* Replaces DIR/<lab>/<name>, as for a table. */
int result_file(struct result *result, const char *name, const void *data, size_t size);

#endif
