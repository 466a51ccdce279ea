/*
 * tour_stage.h: how the tour speaks: paragraphs, rows, questions, and predicted bits beside
 * measured ones. Part of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_STAGE_H
#define NANOLAB_TOOLS_TOUR_STAGE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/page/screen.h"
#include "harness/text.h"
#include "kernels/device/device.h"

struct tour {
    struct screen screen;
    bool asks;  /* on a terminal; else it goes on by itself */
    bool plain; /* words in place of drawings */
    bool ended; /* the reader does not go on */
    uint64_t seed;
    FILE *keep;                /* what is shown, once more; or NULL */
    struct device *simt, *cpu; /* the simulated GPU, this processor */
    const char *step;          /* its name */
    size_t predicted, broken;  /* predictions; those that did not hold */
    char guess[80];
};

/* For tests: what is predicted, changed. NULL in the program. */
static uint64_t (*tour_plant)(const char *step, uint64_t bits);

/* --- text --------------------------------------------------------------------------------------
 */

static void put(struct tour *t, const char *text) {
    fputs(text, stdout);
    if (t->keep)
        fputs(text, t->keep);
}

/* A line as it is. */
__attribute__((format(printf, 2, 3))) static void row(struct tour *t, const char *format, ...) {
    char line[400];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    strcat(line, "\n");
    put(t, line);
}

/* A paragraph, wrapped. */
__attribute__((format(printf, 2, 3))) static void say(struct tour *t, const char *format, ...) {
    char text[2000];
    size_t at = 0, width = t->screen.width < 78 ? t->screen.width : 78;
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!t->screen.utf8)
        screen_to_ascii(text);
    screen_wrap(stdout, text, &at, 0, width);
    fputs("\n\n", stdout);
    at = 0;
    if (t->keep) {
        screen_wrap(t->keep, text, &at, 0, width);
        fputs("\n\n", t->keep);
    }
}

/* A value as a bar, or in words. `most` is what the longest bar stands for. */
static void bar(struct tour *t, const char *label, double value, double most, const char *unit) {
    static const char full[] = "########################################";
    int length = most > 0 ? (int)(value / most * (double)(sizeof full - 1) + 0.5) : 0;
    if (t->plain)
        row(t, "  %s: %.4g%s", label, value, unit);
    else
        row(t, "  %-16s %.*s%s%.4g%s", label, length, full, length ? " " : "", value, unit);
}

/* --- questions ---------------------------------------------------------------------------------
 */

/* One line of the reader's; 0, or 1: there is none, or it says that the tour ends. */
static int hear(struct tour *t, const char *prompt) {
    char line[sizeof t->guess] = "";
    fputs(prompt, stdout);
    fflush(stdout);
    t->ended = !fgets(line, sizeof line, stdin);
    if (!t->ended && !strchr(line, '\n'))
        for (int c = getchar(); c != '\n' && c != EOF; c = getchar())
            ;
    line[strcspn(line, "\n")] = '\0';
    t->ended = t->ended || strcmp(line, "q") == 0;
    text_plain(t->guess, sizeof t->guess, line);
    putchar('\n');
    return t->ended;
}

/* Asks for a guess, which may be empty. 0, or 1: the reader does not go on. */
static int ask(struct tour *t, const char *question) {
    t->guess[0] = '\0';
    say(t, "%s", question);
    return t->asks ? hear(t, "Your guess (Enter goes on, q ends): ") : 0;
}

/* Between two steps. */
static void pause_for_reader(struct tour *t) {
    if (t->asks)
        hear(t, "(Enter goes on, q ends) ");
}

/* Beside what came out. */
static void recall(struct tour *t) {
    if (t->guess[0])
        say(t, "You guessed: %s", t->guess);
}

/* --- bits --------------------------------------------------------------------------------------
 */

static float float_of(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

/* Predicted bits pass through here before they are shown. */
static uint64_t foretold(const struct tour *t, uint64_t bits) {
    return tour_plant ? tour_plant(t->step, bits) : bits;
}

/* Says whether bits came out as predicted, and counts. `digits`: hexadecimal ones, 8 or 16. */
static void compare_bits(struct tour *t, const char *what, uint64_t predicted, uint64_t measured,
                         int digits) {
    bool equal = predicted == measured;
    t->predicted++;
    t->broken += !equal;
    row(t, "  %-16s predicted 0x%0*" PRIx64 ", measured 0x%0*" PRIx64 "%s", what, digits, predicted,
        digits, measured, equal ? ", equal" : ": NOT EQUAL, our bug");
}

/* Sign, exponent and fraction of a float. */
static void row_of_bits(struct tour *t, const char *label, uint32_t bits) {
    char text[35];
    size_t used = 0;
    for (int k = 31; k >= 0; k--) {
        text[used++] = (char)('0' + (bits >> k & 1));
        if (k == 31 || k == 23)
            text[used++] = ' ';
    }
    text[used] = '\0';
    row(t, "  %-16s %s", label, text);
}

/* Two floats bit by bit, and which bits differ. */
static void show_flips(struct tour *t, const char *label_a, uint64_t a, const char *label_b,
                       uint64_t b) {
    uint32_t differ = (uint32_t)(a ^ b);
    char marks[35], list[120] = "";
    size_t used = 0, listed = 0;
    for (int k = 31; k >= 0; k--) {
        marks[used++] = differ >> k & 1 ? '^' : ' ';
        if (k == 31 || k == 23)
            marks[used++] = ' ';
    }
    marks[used] = '\0';
    for (int k = 0; k < 32 && listed + 8 < sizeof list; k++)
        if (differ >> k & 1)
            listed += (size_t)snprintf(list + listed, sizeof list - listed, "%s%d",
                                       listed ? ", " : "", k);
    if (!t->plain) {
        row_of_bits(t, label_a, (uint32_t)a);
        row_of_bits(t, label_b, (uint32_t)b);
        row(t, "  %-16s %s", "", marks);
    }
    say(t, "Bits that differ, the last bit being number 0: %s.", list);
}

#endif
