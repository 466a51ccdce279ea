/*
 * straggler_text.h: a finding in words. Part of straggler.c.
 */
#ifndef NANOLAB_TOOLS_STRAGGLER_TEXT_H
#define NANOLAB_TOOLS_STRAGGLER_TEXT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/text.h"
#include "tools/straggler_found.h"

/* "3, 5-7": those of whom `is` is true. */
static void print_ranks(const struct found *f, const bool *is) {
    bool first = true;
    for (unsigned r = 0, to; r < f->log->ranks; r = to + 1) {
        to = r;
        if (!is[r])
            continue;
        while (to + 1 < f->log->ranks && is[to + 1] && found_id(f, to + 1) == found_id(f, to) + 1)
            to++;
        printf(to > r + 1 ? "%s%u-%u"
               : to > r   ? "%s%u, %u"
                          : "%s%u",
               first ? "" : ", ", found_id(f, r), found_id(f, to));
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

static void print_log(const struct found *f) {
    const struct straggler_log *log = f->log;
    uint64_t least = UINT64_MAX, most = 0;
    bool same = true;
    for (size_t k = 0; k < log->steps; k++) {
        least = log->step[k].bytes < least ? log->step[k].bytes : least;
        most = log->step[k].bytes > most ? log->step[k].bytes : most;
        same &= log->step[k].collective == log->step[0].collective;
    }
    printf("log         %s%s", f->source->format, f->source->name[0] ? ", " : "");
    text_print(stdout, f->source->name);
    printf(": %u %s, %zu %s%s", log->ranks, f->source->whos, log->steps,
           same && log->steps ? straggler_collective_name(log->step[0].collective) : "collective",
           same && log->steps ? "" : "s");
    if (log->steps > 0)
        printf(least == most ? " of %" PRIu64 " bytes" : " of %" PRIu64 " to %" PRIu64 " bytes",
               least, most);
    putchar('\n');
}

static void print_culprits(const struct found *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    unsigned shown = 0;
    for (unsigned r = 0; r < v->ranks && shown < 16; r++) {
        if (!v->named[r])
            continue;
        shown++;
        printf("culprit     %s %u: waits less than its peers by up to ", f->source->who,
               found_id(f, r));
        print_time(v->late_us[r]);
        printf(", in %zu of %zu by half of that or more; the chance of that by jitter alone is ",
               f->often[r], f->judged);
        print_chance(v->chance[r]);
        putchar('\n');
    }
    if (v->count > shown)
        printf("            and %u more\n", v->count - shown);
}

static int print_victims(const struct found *f) {
    bool *is = calloc(f->log->ranks, sizeof *is);
    double all = 0;
    unsigned count = 0;
    if (!is)
        return -1;
    for (unsigned r = 0; r < f->log->ranks; r++) {
        is[r] = f->waited[r] > 0;
        count += is[r];
        all += f->waited[r];
    }
    if (count > 0) {
        printf("victims     %u (", count);
        print_ranks(f, is);
        fputs("): they waited ", stdout);
        print_time(all);
        printf(" in all\n");
    }
    free(is);
    return 0;
}

static void print_some(const struct found *f, const bool *is, unsigned count) {
    if (count == 0)
        fputs("nobody", stdout);
    else
        print_ranks(f, is);
}

/* "late by up to 300 us, in 24 of 32 steps, was made 2; missed: nobody; named and was not made
 * late: 1". */
static int print_truth(const struct found *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    unsigned ranks = f->log->ranks, made = 0, missed = 0, wrong = 0;
    bool *is = calloc((size_t)3 * ranks, sizeof *is);
    double most = 0;
    size_t steps = 0;
    if (!is)
        return -1;
    for (unsigned r = 0; r < ranks; r++) {
        bool late = f->made_in[r] > 0;
        made += is[r] = late;
        missed += is[ranks + r] = late && !v->named[r];
        wrong += is[2 * ranks + r] = !late && v->named[r];
        most = fmax(most, f->made[r]);
    }
    for (size_t k = 0; k < f->log->steps; k++) {
        bool any = false;
        for (unsigned r = 0; r < ranks; r++)
            any |= f->source->made_us[k * ranks + r] > 0;
        steps += any;
    }
    fputs("truth       made late was ", stdout);
    print_some(f, is, made);
    if (made > 0) {
        fputs(", by up to ", stdout);
        print_time(most);
        printf(" in %zu of %zu steps", steps, f->log->steps);
    }
    fputs("; missed: ", stdout);
    print_some(f, is + ranks, missed);
    fputs("; named and was not made late: ", stdout);
    print_some(f, is + 2 * ranks, wrong);
    putchar('\n');
    free(is);
    return 0;
}

static void print_rules(const struct found *f) {
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

static int print_text(const struct found *f) {
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
        printf("without     a %s would take ", f->log->has_compute ? "step" : "collective");
        print_time(f->without.without_us);
        fputs(" and not ", stdout);
        print_time(f->without.with_us);
        puts(f->log->has_compute ? " in the mean" : " to the one who waits longest, in the mean");
    }
    if (f->source->made_us && print_truth(f) != 0)
        return -1;
    if (f->source->caveat[0] && !v->cannot_tell)
        printf("but         %s\n", f->source->caveat);
    for (int k = 0; k < 3; k++)
        if (f->source->notes[k][0])
            printf("note        %s\n", f->source->notes[k]);
    print_rules(f);
    return 0;
}

#endif
