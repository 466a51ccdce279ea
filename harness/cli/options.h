/*
 * options.h: reading a command line by a table, the same way in the driver and in every lab.
 *
 * Accepts "--name value", "--name=value", "-h", "--" and positional arguments anywhere. Whatever
 * is wrong ends in one line that says what and what to do, with a near miss where there is one:
 *
 *     nanolab: unknown option --quik; did you mean --quick?
 */
#ifndef NANOLAB_HARNESS_OPTIONS_H
#define NANOLAB_HARNESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"

/* Exit statuses (docs: `nanolab --help`). */
enum {
    EXIT_DONE = 0,
    EXIT_BROKEN = 1,  /* a check could not run, a predicted bit did not hold */
    EXIT_USAGE = 2,   /* usage or bad input */
    EXIT_SKIPPED = 77 /* every lab asked for lacks its hardware */
};

enum option_kind {
    OPTION_FLAG,  /* bool */
    OPTION_TEXT,  /* const char *, not empty */
    OPTION_NUMBER /* uint64_t: decimal or 0x… */
};

struct option_spec {
    const char *name;  /* "--seed" */
    const char *value; /* "N", as help shows it; NULL for a flag */
    const char *help;  /* may hold "\n"; NULL: works but is not listed */
    enum option_kind kind;
    void *target;
    bool *given; /* set when the option is there; may be NULL */
};

struct options {
    const char *program;      /* what messages begin with: "nanolab" */
    const char *help_command; /* what to type for help: "nanolab run --help" */
    const struct option_spec *specs;
    size_t spec_count;
    const char **positional; /* room for argc pointers; NULL: none are allowed */
    size_t positional_count;
};

/* 0, or -1 with the line in options_error(), program name included. */
int options_parse(struct options *options, int argc, char *const *argv);
const char *options_error(void);
/* Sets the text "PROGRAM: …" and returns -1. */
int options_fail(const struct options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints options_error() to stderr, returns EXIT_USAGE. */
int options_report(void);
/* The end of main(): `status`, or EXIT_USAGE with a line on stderr where standard output could not
 * be written to its end (a full disk, a closed pipe). */
int options_end(const char *program, int status);
/* The table of options for a --help page, to stdout. */
void options_print(const struct option_spec *specs, size_t count);

/* All of `text` as an unsigned number: decimal, or hexadecimal after "0x". */
int options_number(const char *text, uint64_t *value);
/* The candidate nearest to `text`, or NULL when none is near enough to be what was meant. */
const char *options_nearest(const char *text, const char *const *candidates, size_t count);

/* One element of --device. */
struct option_device {
    enum device_kind kind;
    int index;
    char id[24];
};
#define OPTION_DEVICES_MAX 16
/* "simt,cpu" → elements. Unknown, empty and repeated elements are errors: -1 with
 * options_error(). Does not look whether the devices are there. */
int options_devices(const struct options *options, const char *list, struct option_device *out,
                    size_t *count);

#endif
