/*
 * tool.h: running another program (gnuplot, dot) without a shell.
 *
 * The program gets a small environment of its own (no user settings are read), its input from a
 * file or from nowhere, and an end if it takes too long. Its output comes back whole.
 */
#ifndef NANOLAB_HARNESS_TOOL_H
#define NANOLAB_HARNESS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

/* How a program ended, and what it took, with all that it started and waited for. */
struct tool_end {
    int status; /* its exit status */
    double seconds, cpu_seconds;
    size_t memory_bytes; /* the most of one process */
    char complaint[300]; /* its first line on standard error, or "" */
};

struct tool_run {
    const char *const *argv; /* argv[0] is looked up in PATH; NULL-terminated */
    const char *package;     /* the Debian package it comes in, for the message */
    const char *folder;      /* a private folder: working directory, home and scratch space */
    const char *input;       /* a file in `folder`, or NULL for none */
    double seconds;          /* how long it may take */
    bool ours;            /* a program of nanolab's: it has this process' environment, and no limit
                             of memory, of a file's size or of the processor's time */
    struct tool_end *end; /* if not NULL, then no exit status is a failure, but stands here */
};

/* Returns 0 with the program's standard output in *output (NUL behind it; caller frees; output
 * and length may be NULL), or -1 with one line in error_text(): not installed, too slow, killed,
 * or failed with its own first line of complaint. */
int tool_run(const struct tool_run *tool, char **output, size_t *length);

/* True if `program` is in PATH, or is the path of a program. */
int tool_exists(const char *program);

#endif
