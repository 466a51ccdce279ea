/*
 * straggler.c: `nanolab straggler`: who is late, from logs of collectives that others have written,
 * who pays for it, how certain that is, and where the log cannot tell, and why.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "harness/store/build_info.h"
#include "harness/text.h"
#include "kernels/straggler/straggler_read.h"

static const char intro[] =
    "nanolab straggler: who is late to a collective, from its log.\n"
    "\n"
    "usage: nanolab straggler FILE... [options]     (- reads standard input)\n"
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
    "\n";

static const char outro[] =
    "\n"
    "Then, for each communicator (nccl-tests: group of processes):\n"
    "\n"
    "  culprit   who is late, by how much, and the chance that jitter alone is so late\n"
    "  victims   who waits for it, and how long in all\n"
    "  without   when the collectives would have ended had it come with its peers\n"
    "  cannot tell: ...   nobody is named, and this is why; mostly also what to log instead\n"
    "  rules     what published rules say of the same log; most of them name victims\n"
    "\n"
    "A slow link or a slow network makes nobody late: all take long alike. Compare alpha and beta\n"
    "with those of another day.\n"
    "\n"
    "exit status: 0 done, whether somebody was named or not; 2 usage or a bad file.\n";

#define PROGRAM "nanolab straggler"

struct finding {
    const struct straggler_read *read;
    struct straggler_verdict verdict[STRAGGLER_RULES];
    struct straggler_times times;
    struct straggler_without without;
    struct straggler_fit fit;
    bool has_without, has_fit;
    double *waited; /* [ranks] in all, us; a victim's is not 0 */
    size_t *often;  /* [ranks] steps in which a named one was at least half as late as at worst */
    size_t judged;  /* steps */
};

static const char *const formats[] = {"nccl-tests", "NCCL Inspector"};
static const char *const who[] = {"process", "rank"};

/* --- what is found -----------------------------------------------------------------------------
 */

/* Whoever is not named waits for whoever is, in the steps in which both are. */
static void find_victims(struct finding *f) {
    const struct straggler_log *log = &f->read->log;
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    for (size_t k = 0; k < log->steps && v->count > 0; k++) {
        double least = INFINITY;
        if (!straggler_is_whole(log, k) || !straggler_synchronises(log->step[k].collective))
            continue;
        for (unsigned r = 0; r < log->ranks; r++)
            if (v->named[r])
                least = fmin(least, straggler_comm(log, k, r));
        for (unsigned r = 0; r < log->ranks; r++)
            if (!v->named[r] && straggler_comm(log, k, r) > least)
                f->waited[r] += straggler_comm(log, k, r) - least;
    }
}

static int count_often(struct finding *f) {
    const struct straggler_log *log = &f->read->log;
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    double *late = malloc((size_t)4 * log->ranks * sizeof *late);
    if (!late)
        return -1;
    for (size_t k = 0; k < log->steps && v->count > 0; k++) {
        if (!straggler_is_whole(log, k) || !straggler_synchronises(log->step[k].collective))
            continue;
        f->judged++;
        straggler_lateness(log, k, late, late + log->ranks);
        for (unsigned r = 0; r < log->ranks; r++)
            f->often[r] += v->named[r] && 2 * late[r] >= v->late_us[r];
    }
    free(late);
    return 0;
}

static void close_finding(struct finding *f) {
    for (int k = 0; k < STRAGGLER_RULES; k++)
        straggler_verdict_close(f->verdict + k);
    free(f->waited);
    free(f->often);
}

/* 0, or -1: no memory; close_finding() either way. */
static int find(const struct straggler_read *read, struct finding *f) {
    const struct straggler_log *log = &read->log;
    char why[STRAGGLER_WHY];
    *f = (struct finding){.read = read,
                          .waited = calloc(log->ranks, sizeof *f->waited),
                          .often = calloc(log->ranks, sizeof *f->often)};
    if (!f->waited || !f->often || straggler_times(log, &f->times) != 0)
        return -1;
    for (int k = 0; k < STRAGGLER_RULES; k++)
        if (straggler_verdict_open(f->verdict + k, log->ranks) != 0 ||
            straggler_rules[k].judge(log, 0, log->steps, f->verdict + k) != 0)
            return -1;
    const struct straggler_verdict *ours = f->verdict + STRAGGLER_LEAST_WAIT;
    f->has_without = ours->count > 0 && straggler_without(log, ours, &f->without, why) == 0;
    f->has_fit = straggler_fit(log, &f->fit, why) == 0;
    find_victims(f);
    return count_often(f);
}

/* --- as text -----------------------------------------------------------------------------------
 */

/* "3, 5-7": those of whom `is` is true. */
static void print_ranks(const struct finding *f, const bool *is) {
    const unsigned *id = f->read->id;
    bool first = true;
    for (unsigned r = 0, to; r < f->read->log.ranks; r = to + 1) {
        to = r;
        if (!is[r])
            continue;
        while (to + 1 < f->read->log.ranks && is[to + 1] && id[to + 1] == id[to] + 1)
            to++;
        printf(to > r + 1 ? "%s%u-%u"
               : to > r   ? "%s%u, %u"
                          : "%s%u",
               first ? "" : ", ", id[r], id[to]);
        first = false;
    }
}

static void print_time(double us) {
    if (us < 1e3)
        printf("%.4g us", us);
    else if (us < 1e6)
        printf("%.4g ms", us / 1e3);
    else
        printf("%.4g s", us / 1e6);
}

static void print_chance(double chance) {
    if (chance < 1e-12)
        fputs("under 1e-12", stdout);
    else
        printf("%.1e", chance);
}

static void print_log(const struct finding *f) {
    const struct straggler_log *log = &f->read->log;
    uint64_t least = UINT64_MAX, most = 0;
    bool same = true;
    for (size_t k = 0; k < log->steps; k++) {
        least = log->step[k].bytes < least ? log->step[k].bytes : least;
        most = log->step[k].bytes > most ? log->step[k].bytes : most;
        same &= log->step[k].collective == log->step[0].collective;
    }
    printf("log         %s%s%s: %u %s%s, %zu %s%s", formats[f->read->format],
           f->read->name[0] ? ", " : "", f->read->name, log->ranks, who[f->read->format],
           f->read->format ? "s" : "es", log->steps,
           same && log->steps ? straggler_collective_name(log->step[0].collective) : "collective",
           same && log->steps ? "" : "s");
    if (log->steps > 0)
        printf(least == most ? " of %" PRIu64 " bytes" : " of %" PRIu64 " to %" PRIu64 " bytes",
               least, most);
    putchar('\n');
}

static void print_culprits(const struct finding *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    unsigned shown = 0;
    for (unsigned r = 0; r < v->ranks && shown < 16; r++) {
        if (!v->named[r])
            continue;
        shown++;
        printf("culprit     %s %u: waits less than its peers by up to ", who[f->read->format],
               f->read->id[r]);
        print_time(v->late_us[r]);
        printf(", in %zu of %zu by half of that or more; the chance of that by jitter alone is ",
               f->often[r], f->judged);
        print_chance(v->chance[r]);
        putchar('\n');
    }
    if (v->count > shown)
        printf("            and %u more\n", v->count - shown);
}

static int print_victims(const struct finding *f) {
    bool *is = calloc(f->read->log.ranks, sizeof *is);
    double all = 0;
    unsigned count = 0;
    if (!is)
        return -1;
    for (unsigned r = 0; r < f->read->log.ranks; r++) {
        is[r] = f->waited[r] > 0;
        count += is[r];
        all += f->waited[r];
    }
    printf("victims     %u (", count);
    print_ranks(f, is);
    fputs("): they waited ", stdout);
    print_time(all);
    printf(" in all\n");
    free(is);
    return 0;
}

static void print_rules(const struct finding *f) {
    puts("rules");
    for (int k = 0; k < STRAGGLER_RULES; k++) {
        const struct straggler_verdict *v = f->verdict + k;
        printf("  %-18s", straggler_rules[k].name);
        if (v->cannot_tell)
            fputs(v->why, stdout);
        else if (v->count == 0)
            fputs("nobody", stdout);
        else
            print_ranks(f, v->named);
        putchar('\n');
    }
}

static int print_text(const struct finding *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    print_log(f);
    if (f->times.whole > 0 && !v->cannot_tell) {
        printf("times       the collective itself p50 ");
        print_time(f->times.least.p50);
        printf(", p99 ");
        print_time(f->times.least.p99);
        printf("; the longest wait in a step p50 ");
        print_time(f->times.skew.p50);
        printf(", p99 ");
        print_time(f->times.skew.p99);
        putchar('\n');
    }
    if (f->has_fit && !v->cannot_tell)
        printf("alpha, beta %.4g us + bytes / (%.4g GB/s), to %.1f %% over %u sizes\n",
               f->fit.alpha_us, f->fit.beta_gbs, 100 * f->fit.worst, f->fit.sizes);
    if (v->count > 0)
        print_culprits(f);
    else
        printf("culprit     %s%s\n", v->cannot_tell ? "" : "none: ", v->why);
    if (v->count > 0 && print_victims(f) != 0)
        return -1;
    if (f->has_without) {
        fputs("without     a collective would take ", stdout);
        print_time(f->without.without_us);
        fputs(" and not ", stdout);
        print_time(f->without.with_us);
        puts(" to the one who waits longest, in the mean");
    }
    if (f->read->caveat[0] && !v->cannot_tell)
        printf("but         %s\n", f->read->caveat);
    for (int k = 0; k < 3; k++)
        if (f->read->notes[k][0])
            printf("note        %s\n", f->read->notes[k]);
    print_rules(f);
    return 0;
}

/* --- as JSON -----------------------------------------------------------------------------------
 */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *named(const struct finding *f, const struct straggler_verdict *v) {
    json_t *list = json_array();
    for (unsigned r = 0; r < v->ranks; r++)
        if (v->named[r])
            json_array_append_new(list, json_integer(f->read->id[r]));
    return list;
}

static json_t *culprits(const struct finding *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    json_t *list = json_array();
    for (unsigned r = 0; r < v->ranks; r++)
        if (v->named[r])
            json_array_append_new(
                list, json_pack("{s:i, s:o, s:I, s:I, s:o}", who[f->read->format],
                                (int)f->read->id[r], "late_us", number(v->late_us[r]),
                                "steps_half_as_late", (json_int_t)f->often[r], "of_steps",
                                (json_int_t)f->judged, "chance_by_jitter", number(v->chance[r])));
    return list;
}

static json_t *victims(const struct finding *f) {
    json_t *list = json_array();
    for (unsigned r = 0; r < f->read->log.ranks; r++)
        if (f->waited[r] > 0)
            json_array_append_new(list,
                                  json_pack("{s:i, s:o}", who[f->read->format], (int)f->read->id[r],
                                            "waited_us", number(f->waited[r])));
    return list;
}

static json_t *quantiles(struct straggler_quantiles q) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "mean", number(q.mean), "p50", number(q.p50),
                     "p95", number(q.p95), "p99", number(q.p99), "max", number(q.max));
}

static json_t *rules(const struct finding *f) {
    json_t *list = json_array();
    for (int k = 0; k < STRAGGLER_RULES; k++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:s}", "name", straggler_rules[k].name,
                            "source", straggler_rules[k].source, "says", straggler_rules[k].says,
                            "cannot_tell", (int)f->verdict[k].cannot_tell, "named",
                            named(f, f->verdict + k), "why", f->verdict[k].why));
    return list;
}

static json_t *as_json(const struct finding *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    const char *verdict = v->count > 0 ? "culprit" : v->cannot_tell ? "cannot tell" : "nobody";
    json_t *notes = json_array();
    for (int k = 0; k < 3; k++)
        if (f->read->notes[k][0])
            json_array_append_new(notes, json_string(f->read->notes[k]));
    json_t *log = json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "format",
        formats[f->read->format], "name", f->read->name, "ranks", (int)f->read->log.ranks, "steps",
        (json_int_t)f->read->log.steps, "whole_steps", (json_int_t)f->times.whole, "verdict",
        verdict, "why", v->why, "culprits", culprits(f), "victims", victims(f), "caveat",
        f->read->caveat, "notes", notes, "collective_us", quantiles(f->times.least),
        "longest_wait_us", quantiles(f->times.skew), "rules", rules(f));
    if (log && f->has_without)
        json_object_set_new(log, "without",
                            json_pack("{s:o, s:o}", "with_us", number(f->without.with_us),
                                      "without_us", number(f->without.without_us)));
    if (log && f->has_fit)
        json_object_set_new(log, "fit",
                            json_pack("{s:o, s:o, s:o}", "alpha_us", number(f->fit.alpha_us),
                                      "beta_gbs", number(f->fit.beta_gbs), "worst_error",
                                      number(f->fit.worst)));
    return log;
}

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

static int print_all(const struct straggler_read *logs, size_t count, bool json) {
    json_t *list = json ? json_array() : NULL;
    int status = 0;
    for (size_t k = 0; status == 0 && k < count; k++) {
        struct finding f;
        status = find(logs + k, &f);
        if (status == 0 && json)
            status = json_array_append_new(list, as_json(&f));
        else if (status == 0) {
            if (k > 0)
                putchar('\n');
            status = print_text(&f);
        }
        close_finding(&f);
    }
    if (status == 0 && json) {
        json_t *all = json_pack("{s:O}", "logs", list);
        status = all ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;
        putchar('\n');
        json_decref(all);
    }
    json_decref(list);
    return status == 0 ? EXIT_DONE : complain(NULL, "not enough memory; give fewer files");
}

static int straggler(const char *const *files, size_t count, bool json) {
    struct straggler_reader *reader = straggler_reader_open();
    struct straggler_read *logs;
    char why[STRAGGLER_WHY];
    size_t found;
    int status = reader ? 0 : complain(NULL, "not enough memory");
    for (size_t k = 0; status == 0 && k < count; k++)
        status = read_file(reader, files[k]);
    if (status == 0 && straggler_reader_end(reader, &logs, &found, why) != 0)
        status = complain(count == 1 ? files[0] : NULL, why);
    if (status == 0)
        status = print_all(logs, found, json);
    straggler_reader_close(reader);
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
        puts("{\"arguments\": \"FILE...\", "
             "\"summary\": \"who is late to a collective, from logs of nccl-tests or NCCL\"}");
    else if (version)
        printf("nanolab %s\n", build_version());
    else
        status = straggler(positional, parser.positional_count, json);
    free(positional);
    return options_end(PROGRAM, status);
}
