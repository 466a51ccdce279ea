/*
 * tool.h: running another program (gnuplot, dot) without a shell.
 *
 * The program gets a small environment of its own (no user settings are read), its input from a
 * file or from nowhere, and an end if it takes too long. Its output comes back whole.
 */
#ifndef NANOLAB_HARNESS_TOOL_H
#define NANOLAB_HARNESS_TOOL_H

#include <stddef.h>

struct tool_run {
    const char *const *argv; /* argv[0] is looked up in PATH; NULL-terminated */
    const char *package;     /* the Debian package it comes in, for the message */
    const char *folder;      /* a private folder: working directory, home and scratch space */
    const char *input;       /* a file in `folder`, or NULL for none */
    double seconds;          /* how long it may take */
};

/* Returns 0 with the program's standard output in *output (NUL behind it; caller frees; output
 * and length may be NULL), or -1 with one line in error_text(): not installed, too slow, killed,
 * or failed with its own first line of complaint. */
int tool_run(const struct tool_run *tool, char **output, size_t *length);

/* True if `program` is in PATH. */
int tool_exists(const char *program);

#endif
