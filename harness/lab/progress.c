/*
 * progress.c: the progress line (progress.h).
 */
#define _GNU_SOURCE
#include "harness/lab/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS 10.0
#define ID_MAX 200

struct progress {
    const char *name;
    enum progress_style style;
    size_t expected, done, skipped;
    double begun, drawn, busy; /* busy: time spent in recorded cases */
    double case_begun;
    bool on_line; /* something is drawn that must be cleared first */
    char id[ID_MAX];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum progress_style progress_style(int fd) {
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (!isatty(fd))
        return PROGRESS_QUIET;
    /* The NO_COLOR convention: set and not empty. */
    if ((no_color && no_color[0]) || (term && strcmp(term, "dumb") == 0))
        return PROGRESS_PLAIN;
    return PROGRESS_LINE;
}

double progress_estimate(size_t done, double elapsed, size_t left) {
    if (left == 0)
        return 0;
    if (done == 0 || !(elapsed > 0))
        return -1;
    return elapsed / (double)done * (double)left;
}

void progress_duration(double seconds, char *out, size_t size) {
    if (seconds < 99.5) {
        snprintf(out, size, "%.0f s", seconds < 1 ? 1.0 : seconds);
        return;
    }
    unsigned long long minutes = (unsigned long long)(seconds / 60 + 0.5);
    if (minutes < 100)
        snprintf(out, size, "%llu min", minutes);
    else
        snprintf(out, size, "%llu h %llu min", minutes / 60, minutes % 60);
}

struct progress *progress_begin(const char *name, enum progress_style style) {
    struct progress *progress = calloc(1, sizeof *progress);
    if (!progress)
        return NULL;
    progress->name = name;
    progress->style = style;
    progress->begun = progress->case_begun = progress->drawn = now();
    return progress;
}

static void clear(struct progress *progress) {
    if (progress->on_line)
        fputs("\r\033[K", stderr);
    progress->on_line = false;
}

static int columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col;
    return 80;
}

static void describe(const struct progress *progress, char *out, size_t size) {
    size_t passed = progress->done + progress->skipped;
    size_t left = progress->expected > passed ? progress->expected - passed : 0;
    double seconds = progress_estimate(progress->done, progress->busy, left);
    char time_left[64] = "";
    if (left > 0 && seconds >= 0) {
        char text[40];
        progress_duration(seconds, text, sizeof text);
        snprintf(time_left, sizeof time_left, ", about %s left", text);
    }
    /* A lab that announced too few is no reason to show 12/10. */
    if (progress->expected >= passed && progress->expected > 0)
        snprintf(out, size, "%s: %zu/%zu cases%s", progress->name, passed, progress->expected,
                 time_left);
    else
        snprintf(out, size, "%s: %zu cases", progress->name, passed);
}

static void draw(struct progress *progress, bool force) {
    double t = now();
    double wait = progress->style == PROGRESS_LINE ? REDRAW_SECONDS : PLAIN_SECONDS;
    if (progress->style == PROGRESS_QUIET || (!force && t - progress->drawn < wait))
        return;
    progress->drawn = t;
    char text[ID_MAX + 200];
    describe(progress, text, sizeof text);
    if (progress->style == PROGRESS_PLAIN) {
        fprintf(stderr, "%s\n", text);
        return;
    }
    size_t used = strlen(text);
    if (progress->id[0])
        snprintf(text + used, sizeof text - used, "  %s", progress->id);
    clear(progress);
    fprintf(stderr, "%.*s", columns() - 1, text);
    fflush(stderr);
    progress->on_line = true;
}

void progress_end(struct progress *progress) {
    if (!progress)
        return;
    clear(progress);
    free(progress);
}

void progress_expect(struct progress *progress, size_t cases) {
    if (!progress)
        return;
    progress->expected += cases;
    draw(progress, false);
}

void progress_case(struct progress *progress, const char *id) {
    if (!progress)
        return;
    snprintf(progress->id, sizeof progress->id, "%s", id);
    draw(progress, false);
}

void progress_done(struct progress *progress) {
    if (!progress)
        return;
    /* Measured from record to record: some labs measure a whole group and then record it, so the
     * time between begin and end of one case says little. */
    double t = now();
    progress->busy += t - progress->case_begun;
    progress->case_begun = t;
    progress->done++;
    draw(progress, false);
}

void progress_skipped(struct progress *progress) {
    if (!progress)
        return;
    progress->skipped++;
    draw(progress, false);
}

long progress_left(const struct progress *progress) {
    return progress ? (long)progress->expected - (long)(progress->done + progress->skipped) : 0;
}

void progress_note(struct progress *progress, const char *text) {
    if (progress)
        clear(progress);
    fprintf(stderr, "%s\n", text);
    if (progress && progress->style == PROGRESS_LINE)
        draw(progress, true);
}
