/*
 * driver.h: the inside of `nanolab`, the driver: it starts labs and the other commands.
 */
#ifndef NANOLAB_HARNESS_DRIVER_H
#define NANOLAB_HARNESS_DRIVER_H

#include <jansson.h>
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

/* The commands; argv[0] is the command's name. */
int driver_list(const struct driver *driver, int argc, char **argv);
int driver_info(const struct driver *driver, int argc, char **argv);
int driver_run(const struct driver *driver, int argc, char **argv);
int driver_verify(const struct driver *driver, int argc, char **argv);

#endif
