/*
 * straggler.c: `nanolab straggler`: who is late, from logs of collectives that others have written
 * or that our labs have recorded, who pays for it, how certain that is, and where the log cannot
 * tell, and why.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/cli/options.h"
#include "harness/store/build_info.h"
#include "tools/straggler_folder.h"
#include "tools/straggler_json.h"
#include "tools/straggler_text.h"

static const char intro[] =
    "nanolab straggler: who is late to a collective, from its log.\n"
    "\n"
    "usage: nanolab straggler FILE... [options]     (- reads standard input)\n"
    "       nanolab straggler DIR [options]         a result folder, or its 05-nccl-straggler\n"
    "\n"
    "Each rank's time in a collective is known by its own clock only. Nobody leaves an all-reduce\n"
    "(all-gather, reduce-scatter, all-to-all) before everybody has entered it, so the rank that\n"
    "comes last waits for nobody and has the SHORTEST time, and the long times are its victims'.\n"
    "That is what is looked for: who waits less than its peers, by more than jitter explains.\n"
    "\n"
    "Files are read together, all ranks' of one run:\n"
    "\n"
    "  nccl-tests      mpirun -np N all_reduce_perf -g 1 -I 1 -z 3 -J FILE.json\n"
    "                  (with another -z a late process is in everybody's times alike)\n"
    "  NCCL Inspector  *.log of NCCL_INSPECTOR_DUMP_DIR, with "
    "NCCL_PROFILER_PLUGIN=...inspector.so\n"
    "                  and NCCL_INSPECTOR_ENABLE=1: one JSON object for each collective and rank\n"
    "\n"
    "In DIR every log that a lab has recorded is judged in the same way, by its times alone; the\n"
    "truth, which the lab knows, is said beside it.\n"
    "\n";

static const char outro[] =
    "\n"
    "Then, for each communicator (nccl-tests: group of processes; DIR: case):\n"
    "\n"
    "  culprit   who is late, by how much, and the chance that jitter alone is so late\n"
    "  victims   who waits for it, and how long in all\n"
    "  without   when the collectives would have ended had it come with its peers; of logs with\n"
    "            computing times, how long a step would have taken\n"
    "  truth     who was made late, if the log has it, who was missed and who named wrongly\n"
    "  cannot tell: ...   nobody is named, and this is why; mostly also what to log instead\n"
    "  rules     what published rules say of the same log; most of them name victims\n"
    "\n"
    "A slow link or a slow network makes nobody late: all take long alike. Compare alpha and beta\n"
    "with those of another day.\n"
    "\n"
    "exit status: 0 done, whether somebody was named or not; 2 usage, a bad file or folder.\n";

#define PROGRAM "nanolab straggler"

/* --- what is asked -----------------------------------------------------------------------------
 */

static int complain(const char *file, const char *what) {
    fputs(PROGRAM ": ", stderr);
    if (file) {
        text_print(stderr, file);
        fputs(": ", stderr);
    }
    fprintf(stderr, "%s\n", what);
    return EXIT_USAGE;
}

static int read_file(struct straggler_reader *reader, const char *file) {
    char why[STRAGGLER_WHY];
    bool standard = strcmp(file, "-") == 0;
    FILE *in = standard ? stdin : fopen(file, "r");
    if (!in) {
        snprintf(why, sizeof why, "cannot be read: %s; give a file, or - for standard input",
                 strerror(errno));
        return complain(file, why);
    }
    int status = straggler_reader_add_file(reader, in, why);
    if (!standard)
        fclose(in);
    return status == 0 ? 0 : complain(standard ? "standard input" : file, why);
}

/* What is said of one log after another. */
struct reply {
    bool json;
    json_t *list;              /* as JSON */
    size_t logs, known, exact; /* of which the truth is known, of which it was found */
};

static int add(struct reply *reply, const struct source *source) {
    struct found f;
    int status = found_find(source, &f);
    if (status == 0 && reply->json)
        status = json_array_append_new(reply->list, as_json(&f));
    else if (status == 0) {
        if (reply->logs > 0)
            putchar('\n');
        status = print_text(&f);
    }
    reply->logs++;
    reply->known += source->made_us != NULL;
    reply->exact += source->made_us && f.exact;
    found_close(&f);
    return status;
}

static int end(struct reply *reply) {
    if (!reply->json) {
        if (reply->known > 0)
            printf("\nall         %zu logs; in %zu of the %zu whose truth is known just those who "
                   "were made late are named\n",
                   reply->logs, reply->exact, reply->known);
        return 0;
    }
    json_t *all = json_pack("{s:O}", "logs", reply->list);
    if (all && reply->known > 0)
        json_object_set_new(all, "truth",
                            json_pack("{s:I, s:I}", "logs", (json_int_t)reply->known,
                                      "just_those_named", (json_int_t)reply->exact));
    int status = all ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;
    putchar('\n');
    json_decref(all);
    return status;
}

/* --- logs of others ----------------------------------------------------------------------------
 */

static int add_read(struct reply *reply, const struct straggler_read *read) {
    bool tests = read->format == STRAGGLER_NCCL_TESTS;
    const struct source source = {.format = tests ? "nccl-tests" : "NCCL Inspector",
                                  .who = tests ? "process" : "rank",
                                  .whos = tests ? "processes" : "ranks",
                                  .name = read->name,
                                  .log = &read->log,
                                  .id = read->id,
                                  .caveat = read->caveat,
                                  .notes = {read->notes[0], read->notes[1], read->notes[2]}};
    return add(reply, &source);
}

static int judge_files(const char *const *files, size_t count, struct reply *reply) {
    struct straggler_reader *reader = straggler_reader_open();
    struct straggler_read *logs;
    char why[STRAGGLER_WHY];
    size_t found = 0;
    int status = reader ? 0 : complain(NULL, "not enough memory");
    for (size_t k = 0; status == 0 && k < count; k++)
        status = read_file(reader, files[k]);
    if (status == 0 && straggler_reader_end(reader, &logs, &found, why) != 0)
        status = complain(count == 1 ? files[0] : NULL, why);
    for (size_t k = 0; status == 0 && k < found; k++)
        if (add_read(reply, logs + k) != 0)
            status = complain(NULL, "not enough memory; give fewer files");
    straggler_reader_close(reader);
    return status;
}

/* --- our own -----------------------------------------------------------------------------------
 */

static int add_recorded(void *reply, const json_t *record) {
    struct recorded r;
    int status = recorded_read(record, &r);
    if (status != 0)
        return status < 0 ? -1 : 0;
    const struct source source = {.format = "recorded",
                                  .who = "rank",
                                  .whos = "ranks",
                                  .name = r.name,
                                  .log = &r.log,
                                  .caveat = r.caveat,
                                  .notes = {r.note, "", ""},
                                  .made_us = r.made_us};
    status = add(reply, &source);
    recorded_close(&r);
    return status == 0 ? 0 : error_set("not enough memory for the log of %s", source.name);
}

static int judge_folder(const char *dir, struct reply *reply) {
    struct checked *folder;
    char lab[64];
    size_t count = 0;
    if (recorded_open(dir, &folder, lab) != 0)
        return complain(NULL, error_text());
    int status = recorded_visit(folder, lab, recorded_count, &count);
    if (status == 0 && count > 0)
        status = recorded_visit(folder, lab, add_recorded, reply);
    checked_close(folder);
    if (status != 0)
        return complain(dir, error_text());
    return count > 0 ? 0
                     : complain(dir, "no log of ranks is recorded in it; give a folder that "
                                     "`nanolab run 05 --out DIR` has made");
}

static bool is_folder(const char *name) {
    struct stat about;
    return stat(name, &about) == 0 && S_ISDIR(about.st_mode);
}

static int straggler(const char *const *files, size_t count, bool json) {
    struct reply reply = {.json = json, .list = json ? json_array() : NULL};
    int status = 0;
    bool folder = false;
    for (size_t k = 0; k < count; k++)
        folder |= is_folder(files[k]);
    if (folder && count > 1)
        status = complain(NULL, "a result folder is judged by itself; give one folder, or files");
    else
        status = folder ? judge_folder(files[0], &reply) : judge_files(files, count, &reply);
    if (status == 0 && end(&reply) != 0)
        status = complain(NULL, "not enough memory");
    json_decref(reply.list);
    return status;
}

int main(int argc, char **argv) {
    bool json = false, help = false, version = false, describe = false;
    const struct option_spec specs[] = {
        {"--json", NULL, "the answer as JSON", OPTION_FLAG, &json, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &help, NULL},
        {"--version", NULL, "the version", OPTION_FLAG, &version, NULL},
        {"--describe", NULL, NULL, OPTION_FLAG, &describe, NULL}, /* for `nanolab --help` */
    };
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    bool asked = help || version || describe;
    if (status == 0 && !asked && parser.positional_count == 0)
        status = options_fail(&parser, "a log is missing; give the files of all ranks");
    if (status != 0)
        status = options_report();
    else if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
    } else if (describe)
        puts("{\"arguments\": \"FILE...|DIR\", \"summary\": \"who is late to a collective, from "
             "logs of "
             "nccl-tests or NCCL, or a result folder\"}");
    else if (version)
        printf("nanolab %s\n", build_version());
    else
        status = straggler(positional, parser.positional_count, json);
    free(positional);
    return options_end(PROGRAM, status);
}
