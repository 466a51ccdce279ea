/*
 * ranks_blame.c: see ranks_blame.h.
 */
#define _GNU_SOURCE
#include "kernels/ranks/ranks_blame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int ranks_heard_open(struct ranks_heard *heard, unsigned ranks) {
    *heard = (struct ranks_heard){.ranks = ranks, .failed = -1, .killed = -1, .exited = -1};
    heard->rank = calloc(ranks, sizeof *heard->rank);
    for (unsigned r = 0; heard->rank && r < ranks; r++)
        heard->rank[r].state.step = -1;
    return heard->rank ? 0 : -1;
}

void ranks_heard_close(struct ranks_heard *heard) {
    free(heard->rank);
    heard->rank = NULL;
}

/* --- what is printed ---------------------------------------------------------------------------
 */

static void heard_rank(struct ranks_heard *heard, const char *line) {
    unsigned rank;
    int64_t step;
    int at = 0;
    char word[16];
    if (sscanf(line, RANKS_SAYS "%u step %" SCNd64 " %15[a-z]: %n", &rank, &step, word, &at) != 3 ||
        at == 0 || rank >= heard->ranks)
        return;
    struct ranks_witness *w = &heard->rank[rank];
    const char *text = line + at;
    if (strcmp(word, "failed") == 0 && heard->failed < 0) {
        heard->failed = (int)rank;
        heard->failed_step = step;
        snprintf(heard->failure, sizeof heard->failure, "%s", text);
    } else if (strcmp(word, "waited") == 0) {
        size_t longest = 0;
        heard->waited = w->waited = true;
        w->state.step = step;
        /* "in a sum" begins "in a sum across groups", too. */
        for (int k = 0; k < RANKS_DOING_COUNT; k++) {
            const char *name = ranks_doing_name((enum ranks_doing)k);
            size_t length = strlen(name);
            if (length > longest && strncmp(text, name, length) == 0)
                longest = length, w->state.doing = k;
        }
    }
}

static bool ends_sentence(const char *line) {
    size_t length = strlen(line);
    return length > 0 && strchr(".!?:", line[length - 1]);
}

static void heard_engine(struct ranks_heard *heard, const char *line) {
    const char *at = strstr(line, "process rank ");
    unsigned rank;
    int signal;
    bool rule = strspn(line, "-") >= 20;
    if (at &&
        sscanf(at, "process rank %u with PID %*d on node %*s exited on signal %d", &rank,
               &signal) == 2 &&
        rank < heard->ranks && heard->killed < 0)
        heard->killed = (int)rank, heard->signal = signal;
    at = strstr(line, "Process name: [[");
    if (at && sscanf(at, "Process name: [[%*u,%*u],%u]", &rank) == 1 && rank < heard->ranks &&
        heard->exited < 0)
        heard->exited = (int)rank;
    at = strstr(line, "Exit code: ");
    if (at && heard->exited >= 0)
        heard->status = (int)strtol(at + strlen("Exit code: "), NULL, 10);
    heard->ruled = heard->ruled || rule;
    line += strspn(line, " \t\r");
    /* What stands between rules is said to people; around it are traces. */
    size_t used = strlen(heard->message);
    heard->goes_on = heard->goes_on && !rule && *line != '\0';
    if (heard->goes_on || (used > 0 && heard->message[used - 1] == ':' && *line != '\0')) {
        snprintf(heard->message + used, sizeof heard->message - used, " %s", line);
        heard->goes_on = heard->goes_on && !ends_sentence(line);
        return;
    }
    if (rule || *line == '\0' || heard->is_final || (used > 0 && !heard->ruled))
        return;
    heard->is_final = heard->ruled;
    heard->goes_on = heard->ruled && !ends_sentence(line);
    snprintf(heard->message, sizeof heard->message, "%s", line);
}

void ranks_heard_bytes(struct ranks_heard *heard, const char *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        char c = data[i];
        if (c != '\n') {
            /* Whatever it is, it is shown in one line. */
            if (heard->used + 1 < sizeof heard->line)
                heard->line[heard->used++] = (unsigned char)c < ' ' || c == 0x7f ? ' ' : c;
            continue;
        }
        heard->line[heard->used] = '\0';
        heard->used = 0;
        /* An engine can put its own words before a rank's. */
        const char *said = strstr(heard->line, RANKS_SAYS);
        if (said)
            heard_rank(heard, said);
        else
            heard_engine(heard, heard->line);
    }
}

/* --- states ------------------------------------------------------------------------------------
 */

static enum ranks_alive alive(int pid) {
    char path[64], line[512], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return RANKS_GONE;
    /* pid (name, with anything in it) state */
    if (fgets(line, sizeof line, file)) {
        const char *end = strrchr(line, ')');
        if (end && end[1] == ' ')
            state = end[2];
    }
    fclose(file);
    if (state == 'T' || state == 't')
        return RANKS_HALTED;
    return state == 'Z' || state == 'X' ? RANKS_GONE : RANKS_RUNS;
}

void ranks_heard_states(struct ranks_heard *heard, const char *folder, bool look) {
    char path[4096];
    struct ranks_state state;
    snprintf(path, sizeof path, "%s/state", folder);
    FILE *file = fopen(path, "r");
    for (unsigned r = 0; file && r < heard->ranks && fread(&state, sizeof state, 1, file) == 1;
         r++) {
        struct ranks_witness *w = &heard->rank[r];
        if (state.pid <= 0 || state.doing < 0 || state.doing >= RANKS_DOING_COUNT)
            continue;
        w->state = state;
        if (look)
            w->alive = alive(state.pid);
    }
    if (file)
        fclose(file);
}

/* --- the sentence ------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void add(char *why, const char *format, ...) {
    size_t used = strlen(why);
    va_list args;
    va_start(args, format);
    vsnprintf(why + used, RANKS_WHY - used, format, args);
    va_end(args);
}

static bool is_known(const struct ranks_witness *w) {
    return w->state.pid > 0 || w->waited;
}

static bool is_victim(const struct ranks_witness *w) {
    enum ranks_doing doing = (enum ranks_doing)w->state.doing;
    return is_known(w) && (w->alive == RANKS_UNSEEN || w->alive == RANKS_RUNS) &&
           (doing == RANKS_SCHEDULING || doing == RANKS_SUMMING || doing == RANKS_OUTER ||
            doing == RANKS_GATHERING || (w->waited && doing == RANKS_STARTING));
}

/* How sure it is that a rank is the one. */
enum guilt {
    GUILT_NONE, /* it waits */
    GUILT_DONE,
    GUILT_SILENT, /* nothing is known of it */
    GUILT_BUSY,
    GUILT_ELSEWHERE,
    GUILT_GONE,
    GUILT_HALTED
};

static enum guilt guilt(const struct ranks_witness *w) {
    if (w->alive == RANKS_HALTED)
        return GUILT_HALTED;
    if (w->alive == RANKS_GONE && w->state.doing != RANKS_DONE)
        return GUILT_GONE;
    if (is_known(w) && w->state.doing == RANKS_ELSEWHERE)
        return GUILT_ELSEWHERE;
    if (is_victim(w))
        return GUILT_NONE;
    if (!is_known(w))
        return GUILT_SILENT;
    return w->state.doing == RANKS_DONE ? GUILT_DONE : GUILT_BUSY;
}

/* Of those of whom it is as sure, the one that is furthest behind; -1: none. */
static int culprit(const struct ranks_heard *heard) {
    int best = -1;
    for (unsigned r = 0; r < heard->ranks; r++) {
        const struct ranks_witness *w = &heard->rank[r], *b = best < 0 ? NULL : &heard->rank[best];
        int difference = (int)guilt(w) - (int)(b ? guilt(b) : GUILT_NONE);
        if (difference > 0 || (b && difference == 0 && w->state.step < b->state.step))
            best = (int)r;
    }
    return best;
}

static void add_where(char *why, const struct ranks_state *state, bool with_doing) {
    if (state->step >= 0)
        add(why, " in step %" PRId64, state->step);
    if (with_doing)
        add(why, " while %s%s",
            state->doing == RANKS_SUMMING || state->doing == RANKS_OUTER ||
                    state->doing == RANKS_ELSEWHERE
                ? "it was "
                : "",
            ranks_doing_name((enum ranks_doing)state->doing));
}

/* "; 0, 1 and 3 waited for it" */
static void add_victims(char *why, const struct ranks_heard *heard, int culprit) {
    unsigned victims = 0, said = 0;
    for (unsigned r = 0; r < heard->ranks; r++)
        victims += (int)r != culprit && is_victim(&heard->rank[r]);
    if (victims > 8)
        add(why, "; %u ranks waited for it", victims);
    if (victims == 0 || victims > 8)
        return;
    add(why, "; ");
    for (unsigned r = 0; r < heard->ranks; r++)
        if ((int)r != culprit && is_victim(&heard->rank[r])) {
            add(why, "%s%u", said == 0 ? "" : said + 1 == victims ? " and " : ", ", r);
            said++;
        }
    add(why, " waited for it");
}

static const char *signal_name(int signal, char text[24]) {
    const char *name = sigabbrev_np(signal);
    if (name)
        snprintf(text, 24, "SIG%s", name);
    else
        snprintf(text, 24, "signal %d", signal);
    return text;
}

static void blame_one(const struct ranks_heard *heard, int rank, double deadline_s,
                      struct ranks_failure *failure, char *why) {
    const struct ranks_witness *w = &heard->rank[rank];
    char text[24];
    failure->rank = rank;
    failure->step = w->state.step;
    failure->doing = is_known(w) ? ranks_doing_name((enum ranks_doing)w->state.doing) : "";
    add(why, "rank %d", rank);
    switch (guilt(w)) {
    case GUILT_HALTED:
        failure->kind = RANKS_STOPPED;
        add(why, " has been silent for %g s", deadline_s);
        add_where(why, &w->state, true);
        add(why, ": it is stopped (SIGSTOP)");
        break;
    case GUILT_GONE:
        failure->kind = RANKS_KILLED;
        if (heard->killed == rank)
            add(why, " was killed by %s", signal_name(heard->signal, text));
        else
            add(why, " is gone");
        add_where(why, &w->state, true);
        break;
    case GUILT_ELSEWHERE:
        failure->kind = RANKS_OTHER_COLLECTIVE;
        add(why, " waits in another collective than the others");
        add_where(why, &w->state, false);
        break;
    case GUILT_SILENT:
        add(why, " has been silent for %g s; it is on another machine, or never started",
            deadline_s);
        break;
    default:
        add(why, " has been silent for %g s", deadline_s);
        add_where(why, &w->state, true);
    }
    add_victims(why, heard, rank);
}

static void blame_nobody(const struct ranks_heard *heard, double deadline_s, char *why) {
    unsigned r = 0;
    while (r < heard->ranks && !heard->rank[r].waited)
        r++;
    if (r == heard->ranks)
        return;
    add(why, "rank %u waited for %g s, %s", r, deadline_s,
        ranks_doing_name((enum ranks_doing)heard->rank[r].state.doing));
    add_where(why, &heard->rank[r].state, false);
    add(why, ", and so did the others");
}

/* What a rank said itself, or the engine of a rank. */
static bool blame_by_word(const struct ranks_heard *heard, struct ranks_failure *failure,
                          char *why) {
    char text[24];
    if (heard->failed >= 0) {
        failure->rank = heard->failed;
        failure->step = heard->failed_step;
        failure->doing = ranks_doing_name((enum ranks_doing)heard->rank[heard->failed].state.doing);
        failure->kind = strstr(heard->failure, strerror(ENOSPC)) ? RANKS_FULL_DISK : RANKS_NO_FAULT;
        add(why, "rank %d", heard->failed);
        if (heard->failed_step >= 0)
            add(why, " in step %" PRId64, heard->failed_step);
        add(why, ": %s", heard->failure);
        return true;
    }
    int rank = heard->killed >= 0 ? heard->killed : heard->exited;
    if (rank < 0 || heard->waited)
        return false;
    const struct ranks_witness *w = &heard->rank[rank];
    failure->rank = rank;
    failure->step = w->state.step;
    failure->doing = is_known(w) ? ranks_doing_name((enum ranks_doing)w->state.doing) : "";
    add(why, "rank %d ", rank);
    if (heard->killed >= 0) {
        failure->kind = RANKS_KILLED;
        add(why, "was killed by %s", signal_name(heard->signal, text));
    } else {
        add(why, "ended with exit status %d", heard->status);
    }
    add_where(why, &w->state, is_known(w));
    add_victims(why, heard, rank);
    return true;
}

void ranks_blame(const struct ranks_heard *heard, enum ranks_end end, const char *ended,
                 double deadline_s, double limit_s, struct ranks_failure *failure, char *why) {
    bool started = heard->waited;
    for (unsigned r = 0; r < heard->ranks; r++)
        started = started || heard->rank[r].state.pid > 0;
    *why = '\0';
    if (blame_by_word(heard, failure, why))
        return;
    int who = culprit(heard);
    /* The engine may have noticed that all wait. */
    if (end == RANKS_ENDED && who >= 0 && guilt(&heard->rank[who]) == GUILT_ELSEWHERE) {
        blame_one(heard, who, deadline_s, failure, why);
        return;
    }
    if (end == RANKS_ENDED) {
        add(why, "%s%s%s%s", ended, started ? "" : " before any rank had started",
            heard->message[0] ? ": " : "", heard->message);
        return;
    }
    if (end == RANKS_OVER) {
        add(why, "the run took longer than its limit of %g s", limit_s);
        if (!started)
            add(why, "; no rank had started");
        if (!started || (who >= 0 && guilt(&heard->rank[who]) < GUILT_BUSY))
            return;
        add(why, "; ");
        deadline_s = limit_s;
    }
    if (who >= 0)
        blame_one(heard, who, deadline_s, failure, why);
    else
        blame_nobody(heard, deadline_s, why);
}
