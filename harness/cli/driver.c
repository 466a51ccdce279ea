/*
 * driver.c: `nanolab COMMAND …`: finds the command and hands over. What is no command of its own
 * is looked for as nanolab-COMMAND beside it, as git does.
 */
#define _GNU_SOURCE
#include "harness/cli/driver.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness/page/plot.h"
#include "harness/page/report.h"
#include "harness/store/build_info.h"

static const char help_commands[] =
    "nanolab: which mechanism changed the answer, or the speed? One lab for each.\n"
    "\n"
    "usage: nanolab COMMAND [options]\n"
    "\n"
    "  list             the labs: their question, what they need, how long they take\n"
    "  info             the devices here, what results record, what spoils measurements\n"
    "  run [LAB...]     runs labs and prints their verdicts; makes one result folder\n"
    "  plot DIR         draws the plots of a result folder; --plain: on the terminal, and in words\n"
    "  report DIR       makes report.md and report.html of a result folder; --plain: as text\n"
    "  verify DIR|FILE  checks a result folder, or an archive, by its format and its own hashes\n"
    "  compare A B...   what differs between result folders, and why\n"
    "  export DIR       its samples for compare.py, nvbench-compare, benchstat\n"
    "  pack DIR         makes one archive of a result folder, to send; unpack FILE: back again\n"
    "  claims SET...    what became of each claim, over several machines\n"
    "  predict LAB      asks what a lab will measure before it runs, and scores it after\n"
    "  class DIR...     one page from many students' results, predictions and machines\n";

static const char help_rest[] =
    "\n"
    "  --help, --version; `nanolab COMMAND --help` explains a command\n"
    "\n"
    "examples:\n"
    "  nanolab tour                      new here? from nothing to a flipped bit, in ten minutes\n"
    "  nanolab run 01 --quick            lab 01 on the best device here, a minute or less\n"
    "  nanolab run --all --out mine      every lab, results in the folder mine\n"
    "  nanolab report mine               its page: mine/report.html\n"
    "  nanolab run --resume mine         goes on where a run was stopped\n"
    "\n"
    "exit status: 0 done; 1 a check could not run, or a predicted bit did not hold (our bug);\n"
    "2 usage or bad input; 77 every lab asked for lacks its hardware; 130, 143 stopped.\n";

struct command {
    const char *name;
    int (*here)(const struct driver *driver, int argc, char **argv);
    int (*apart)(int argc, char **argv); /* of a file that needs no driver */
};

static const struct command commands[] = {
    {"list", driver_list, NULL},       {"info", driver_info, NULL},
    {"run", driver_run, NULL},         {"plot", NULL, plot_main},
    {"report", NULL, report_main},     {"verify", driver_verify, NULL},
    {"compare", driver_compare, NULL}, {"export", driver_export, NULL},
    {"pack", driver_pack, NULL},       {"unpack", driver_unpack, NULL},
    {"claims", driver_claims, NULL},   {"predict", driver_predict, NULL},
    {"class", driver_class, NULL},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int unknown_command(const struct driver *driver, const struct options *parser,
                           const char *name) {
    char tools[DRIVER_TOOLS_MAX][DRIVER_TOOL_NAME];
    const char *names[COMMANDS + DRIVER_TOOLS_MAX];
    size_t count = driver_tools(driver, tools);
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    for (size_t i = 0; i < count; i++)
        names[COMMANDS + i] = tools[i];
    const char *near = options_nearest(name, names, COMMANDS + count);
    if (name[0] == '\0')
        options_fail(parser, "the command is empty; see nanolab --help");
    else if (near)
        options_fail(parser, "unknown command \"%s\"; did you mean %s?", name, near);
    else if (driver_tool_is_name(name))
        options_fail(parser,
                     "unknown command \"%s\", nor is nanolab-%s beside this program; see nanolab "
                     "--help",
                     name, name);
    else
        options_fail(parser, "unknown %s \"%s\"; see nanolab --help",
                     name[0] == '-' ? "option" : "command", name);
    return options_report();
}

static int print_help(const struct options *parser) {
    struct driver driver;
    fputs(help_commands, stdout);
    if (driver_find(&driver, parser) == 0)
        driver_tools_print(&driver, parser);
    fputs(help_rest, stdout);
    return EXIT_DONE;
}

static int dispatch(int argc, char **argv) {
    const struct options parser = {.program = "nanolab", .help_command = "nanolab --help"};
    struct driver driver;
    if (argc < 2) {
        options_fail(&parser, "a command is missing; try nanolab list, or see nanolab --help");
        return options_report();
    }
    const char *name = argv[1];
    bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
    if (help && argc == 3 && driver_tool_is_name(argv[2])) {
        /* `nanolab help run` */
        static char option[] = "--help";
        char *swapped[] = {argv[0], argv[2], option, NULL};
        if (strcmp(argv[2], "help") != 0)
            return dispatch(3, swapped);
    }
    if ((help || strcmp(name, "--version") == 0) && argc > 2) {
        options_fail(&parser, "unexpected argument \"%s\" after %s; leave it out", argv[2], name);
        return options_report();
    }
    if (help)
        return print_help(&parser);
    if (strcmp(name, "--version") == 0) {
        printf("nanolab %s%s\n", build_version(), build_dirty() ? " (modified)" : "");
        return EXIT_DONE;
    }
    if (driver_find(&driver, &parser) != 0)
        return options_report();
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        if (commands[i].here)
            return commands[i].here(&driver, argc - 1, argv + 1);
        return commands[i].apart(argc - 1, argv + 1);
    }
    driver_tool_run(&driver, argv + 1);
    return unknown_command(&driver, &parser, name);
}

int driver_main(int argc, char **argv) {
    signal(SIGXFSZ, SIG_IGN);
    return options_end("nanolab", dispatch(argc, argv));
}
