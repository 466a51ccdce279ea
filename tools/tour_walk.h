/*
 * tour_walk.h: the steps of the tour, and the way through them. Part of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_WALK_H
#define NANOLAB_TOOLS_TOUR_WALK_H

#include "harness/cli/options.h"
#include "tools/tour_arrival.h"
#include "tools/tour_late.h"
#include "tools/tour_map.h"
#include "tools/tour_stage.h"
#include "tools/tour_sums.h"
#include "tools/tour_tree.h"

#define PROGRAM "nanolab tour"

struct step {
    const char *name, *title;
    int (*run)(struct tour *t); /* 0, or -1 with device_error() */
};

static const struct step steps[] = {
    {"order", "The same sum in two orders", step_order},
    {"tree", "The order behind a result, found from results alone", step_tree},
    {"block", "Another block size, another last bit", step_block},
    {"arrival", "Who comes first is part of the result", step_arrival},
    {"map", "Where a cache lies, and what it changes", step_map},
    {"late", "One late rank makes everybody wait", step_late},
};
#define STEPS (sizeof steps / sizeof *steps)

/* --- from the first step to the last -----------------------------------------------------------
 */

static int open_devices(struct tour *t) {
    return device_open(&t->simt, DEVICE_SIMT, 0) != 0 || device_open(&t->cpu, DEVICE_CPU, 0) != 0
               ? -1
               : 0;
}

static void close_devices(struct tour *t) {
    if (t->simt)
        device_close(t->simt);
    if (t->cpu)
        device_close(t->cpu);
}

/* The exit status. */
static int walk_steps(struct tour *t, size_t first) {
    for (size_t k = first; k < STEPS; k++) {
        t->step = steps[k].name;
        row(t, "%zu of %zu. %s", k + 1, STEPS, steps[k].title);
        put(t, "\n");
        if (steps[k].run(t) != 0) {
            fflush(stdout);
            fprintf(stderr, PROGRAM ": step %s could not run: %s\n", steps[k].name, device_error());
            return EXIT_BROKEN;
        }
        if (!t->ended && k + 1 < STEPS)
            pause_for_reader(t);
        if (t->ended) {
            say(t, "To go on from here: nanolab tour --from %s", steps[k].name);
            break;
        }
    }
    return EXIT_DONE;
}

/* Where each step goes on. */
static void say_next(struct tour *t) {
    say(t, "That was the tour. Each step has a lab that tests its claims on this machine, with "
           "checks that can fail:");
    row(t, "  order, tree, block   lab 01    nanolab run 01 --quick");
    row(t, "  arrival              lab 02    nanolab run 02 --quick");
    row(t, "  map                  lab 04    nanolab run 04 --quick");
    row(t, "  late                 lab 05    nanolab run 05 --quick");
    put(t, "\n");
    say(t, "Take lab 01 next, and read labs/01-float-staging/README.md while it runs: nanolab run "
           "01 --quick. All labs: nanolab list.");
}

/* From step `first` on; the exit status. */
static int tour_walk(struct tour *t, size_t first) {
    int status = EXIT_SKIPPED;
    if (open_devices(t) != 0)
        fprintf(stderr, PROGRAM ": %s\n", device_error());
    else
        status = walk_steps(t, first);
    close_devices(t);
    if (status == EXIT_DONE && !t->ended)
        say_next(t);
    if (t->predicted > 0)
        say(t, "%zu predictions were made here; %zu of them held.", t->predicted,
            t->predicted - t->broken);
    if (t->broken == 0)
        return status;
    fflush(stdout);
    fprintf(stderr,
            PROGRAM ": our bug: %zu prediction%s did not hold; please report it with what --yes "
                    "--seed %" PRIu64 " prints\n",
            t->broken, t->broken == 1 ? "" : "s", t->seed);
    return EXIT_BROKEN;
}

#endif
