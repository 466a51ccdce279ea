/*
 * driver.h: the inside of `nanolab`, the driver: it starts labs and the other commands.
 */
#ifndef NANOLAB_HARNESS_DRIVER_H
#define NANOLAB_HARNESS_DRIVER_H

#include <jansson.h>
#include <signal.h>
#include <stddef.h>

#include "harness/cli/options.h"

#define DRIVER_LABS_MAX 32

struct driver_lab {
    int number;
    char folder[64]; /* "01-float-staging", also the executable's name */
};

struct driver {
    char bin[3072];                          /* the folder of this executable */
    char lab_dir[3080];                      /* where the labs' executables are */
    struct driver_lab labs[DRIVER_LABS_MAX]; /* sorted by number and name */
    size_t lab_count;
};

/* main() of `nanolab`; returns the exit status. */
int driver_main(int argc, char **argv);

/* driver_labs.c. Looks for labs beside this executable; -1 with options_error(). */
int driver_find(struct driver *driver, const struct options *parser);
/* The lab that `text` ("1", "01", "float-staging", "01-float-staging") names; NULL with
 * options_error(). */
const struct driver_lab *driver_lab_named(const struct driver *driver, const struct options *parser,
                                          const char *text);
/* What a lab says about itself (--describe): a new reference, or NULL with options_error(). */
json_t *driver_describe(const struct driver *driver, const struct options *parser,
                        const struct driver_lab *lab);

/* What a lab or tool prints when asked with --describe; NULL with options_error(); free it. */
char *driver_ask(const struct options *parser, const char *path);

/* --- driver_tools.c: nanolab-NAME beside this executable, one for each tool. A tool answers
 * --describe with {"arguments": "FILE", "summary": "what it is for"}. --- */
#define DRIVER_TOOLS_MAX 32
#define DRIVER_TOOL_NAME 64
bool driver_tool_is_name(const char *name);
/* The tools there are, sorted; how many. */
size_t driver_tools(const struct driver *driver, char (*names)[DRIVER_TOOL_NAME]);
/* A line for each, for --help. */
void driver_tools_print(const struct driver *driver, const struct options *parser);
/* Becomes the tool argv[0]; returns only if there is none. */
void driver_tool_run(const struct driver *driver, char **argv);

/* --- driver_page.c: the page that grows while labs run. Zero all of it but `wanted`. --- */
struct report;
struct driver_page {
    bool wanted, made;
    struct report *report; /* kept, so that a lab's plots are drawn once */
    char said[600];        /* the last reason for missing plots that was told */
};
/* Makes the page of what a folder holds, with `to_come` labs still to run. What goes wrong is said
 * on stderr and stops nothing. */
void driver_page_make(struct driver_page *page, const char *dir, size_t to_come);
void driver_page_end(struct driver_page *page);

/* The program now running, for the signal handler; 0: none. */
extern volatile sig_atomic_t driver_child_pid;
/* Starts a program (found in PATH unless it has a slash), passes signals on to it and waits.
 * `stdout_free`: what it prints goes to standard error. 0 with waitpid()'s status, or an errno. */
int driver_child(const char *program, const char *const *argv, bool stdout_free, int *status);
/* Runs a command line, which no shell reads. What goes wrong is said on stderr and stops nothing.
 */
void driver_then(const char *command);

/* The commands; argv[0] is the command's name. */
int driver_list(const struct driver *driver, int argc, char **argv);
int driver_info(const struct driver *driver, int argc, char **argv);
int driver_run(const struct driver *driver, int argc, char **argv);
int driver_verify(const struct driver *driver, int argc, char **argv);
int driver_compare(const struct driver *driver, int argc, char **argv);
int driver_export(const struct driver *driver, int argc, char **argv);
int driver_pack(const struct driver *driver, int argc, char **argv);
int driver_unpack(const struct driver *driver, int argc, char **argv);
int driver_claims(const struct driver *driver, int argc, char **argv);
int driver_predict(const struct driver *driver, int argc, char **argv);
int driver_class(const struct driver *driver, int argc, char **argv);

#endif
