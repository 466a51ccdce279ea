/* plot_main.c: `nanolab plot` (plot.h): pictures beside the tables, or characters on the screen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "harness/error.h"
#include "harness/page/plot.h"
#include "harness/page/plot_words.h"
#include "harness/page/screen.h"
#include "harness/page/tool.h"
#include "harness/stop.h"
#include "harness/store/checked.h"
#include "harness/text.h"

static const char intro[] =
    "usage: nanolab plot DIR [options]\n"
    "\n"
    "Draws the plots of every lab in the result folder DIR into DIR/LAB/plots/, as SVG and\n"
    "PNG, from the tables (*.tsv) beside them. Needs gnuplot. Drawing again gives the same\n"
    "files.\n"
    "\n"
    "With --plain it writes no file and prints each plot: what it shows, in words that a\n"
    "screen reader can read, and a drawing with characters, as wide as the terminal, in\n"
    "colour on one (NO_COLOR: without); bands are filled with X. --words leaves the drawing\n"
    "out, --tables adds all numbers. Words and tables need no gnuplot.\n"
    "\n";

static const char outro[] = "\n"
                            "  nanolab run 01 --quick --out results/mine\n"
                            "  nanolab plot results/mine\n"
                            "  nanolab plot results/mine --plain\n"
                            "\n"
                            "exit status: 0 done; 1 gnuplot is missing (--plain: drawings were "
                            "left out); 2 usage, bad\n"
                            "input, or a plot that cannot be drawn.\n";

/* Columns of a drawing, and of text. */
#define WIDTH_LEAST 50
#define WIDTH_MOST 160
#define TEXT_MOST 100

struct request {
    bool plain, words, tables, help;
};

static int complain(int status) {
    fprintf(stderr, "nanolab plot: %s\n", error_text());
    return status;
}

/* --- pictures ----------------------------------------------------------------------------------
 */

/* Why a lab has no plots. */
static void say_left_out(const struct checked_lab *lab, const struct plot_set *set) {
    if (!set->known)
        fprintf(stderr, "nanolab plot: %s: this version has no plot for it; left out\n", lab->name);
    if (!lab->reader->end)
        fprintf(stderr, "nanolab plot: %s: partial, so it has no tables yet; left out\n",
                lab->name);
}

static int plot_lab(const struct checked_lab *lab, int *total) {
    struct plot_set set;
    const struct folder *folder = &lab->reader->folder;
    int status = plot_draw(lab->reader, &set) ? complain(2) : 0;
    int count = status ? 0 : plot_save(folder, &set);
    if (count < 0)
        status = complain(2);
    if (!status)
        say_left_out(lab, &set);
    for (size_t k = 0; !status && k < set.legend.shown_count; k++)
        if (set.images[k].have) {
            text_print(stdout, folder->path);
            printf("/plots/%s.svg\n", set.legend.shown[k].name);
        }
    if (!status && *set.missing) {
        fprintf(stderr, "nanolab plot: %s: a plot is left out: %s\n", lab->name, set.missing);
        status = 2;
    }
    *total += count > 0 ? count : 0;
    plot_set_free(&set);
    return status;
}

/* --- characters --------------------------------------------------------------------------------
 */

/* The numbers behind a plot, a line each: "cpu, n 32: distinct 1, plans 48". */
static void print_data(const struct plot_set *set, size_t k) {
    for (int i = 1; i <= LEGEND_DATA_MAX; i++)
        if (set->legend.shown[k].needs & 1u << i)
            plot_data_words(&set->legend.data[i], &set->data[i], stdout);
    putchar('\n');
}

static void print_words(const struct plot_set *set, size_t k, const json_t *quantities,
                        size_t width) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out) {
        plot_words(set, k, quantities, false, out);
        fclose(out);
    }
    for (char *at = text; at && *at;) {
        size_t line = strcspn(at, "\n"), column = 0;
        char *next = at + line + (at[line] == '\n');
        at[line] = '\0';
        screen_wrap(stdout, at, &column, 2, width);
        putchar('\n');
        at = next;
    }
    putchar('\n');
    free(text);
}

static void print_plot(const struct request *r, const struct checked_lab *lab,
                       const struct plot_set *set, size_t k, size_t width) {
    const struct legend_shown *shown = &set->legend.shown[k];
    size_t at = 0;
    printf("%s, plot %s: %s\n\n", lab->name, shown->name, shown->title);
    screen_wrap(stdout, shown->text, &at, 0, width);
    fputs(*shown->text ? "\n\n" : "", stdout);
    print_words(set, k, json_object_get(lab->reader->start, "quantities"), width);
    if (set->images[k].have) {
        fwrite(set->images[k].text, 1, set->images[k].text_length, stdout);
        putchar('\n');
    }
    if (r->tables)
        print_data(set, k);
}

/* Words are there whatever becomes of the drawings. */
static int print_lab(const struct request *r, const struct screen *screen,
                     const struct checked_lab *lab, int *total) {
    struct plot_set set;
    size_t width = screen->width;
    const struct plot_text as_text = {.columns = width < WIDTH_LEAST  ? WIDTH_LEAST
                                                 : width > WIDTH_MOST ? WIDTH_MOST
                                                                      : width,
                                      .utf8 = screen->utf8,
                                      .colour = screen->colour};
    bool draws = !r->words && tool_exists("gnuplot");
    int status = draws ? plot_draw_text(lab->reader, &as_text, &set) : plot_read(lab->reader, &set);
    status = status ? complain(2) : 0;
    if (!status)
        say_left_out(lab, &set);
    for (size_t k = 0; k < set.legend.shown_count && !stop_signal; k++)
        if (plot_has_data(&set, k)) {
            print_plot(r, lab, &set, k, width < TEXT_MOST ? width : TEXT_MOST);
            ++*total;
        }
    if (!status && *set.missing) {
        fprintf(stderr, "nanolab plot: %s: a plot is left out: %s\n", lab->name, set.missing);
        status = 2;
    }
    plot_set_free(&set);
    return status;
}

/* --- all labs ----------------------------------------------------------------------------------
 */

static int plot_all(const struct request *r, const char *dir) {
    struct checked *checked;
    struct screen screen;
    int total = 0, status = 0;
    bool pictures = !r->plain && !r->words && !r->tables, gnuplot = tool_exists("gnuplot");
    screen_find(&screen, STDOUT_FILENO, 80);
    if (checked_open(&checked, dir))
        return complain(2);
    if (checked->lab_count == 0) {
        error_set("%s: no lab's folder in it; give the folder a run wrote", dir);
        status = complain(2);
    } else if (!gnuplot && !r->words) {
        error_set(PLOT_NO_GNUPLOT);
        status = complain(1);
        if (!pictures)
            fputs("nanolab plot: plots are told in words, and nothing is drawn\n", stderr);
    }
    /* A lab that cannot be drawn does not take the others away. */
    for (size_t k = 0; (status != 1 || !pictures) && k < checked->lab_count && !stop_signal; k++)
        if (pictures ? plot_lab(&checked->labs[k], &total)
                     : print_lab(r, &screen, &checked->labs[k], &total))
            status = 2;
    if (!status && !total && !stop_signal) {
        error_set("%s: nothing in it to draw (bits only, or a partial run)", dir);
        complain(0);
    }
    checked_close(checked);
    return stop_status(status);
}

int plot_main(int argc, char **argv) {
    struct request r = {0};
    const char *dirs[argc + 1];
    const struct option_spec specs[] = {
        {"--plain", NULL, "prints the plots, as words and drawn with characters", OPTION_FLAG,
         &r.plain, NULL},
        {"--words", NULL, "prints them as words alone", OPTION_FLAG, &r.words, NULL},
        {"--tables", NULL, "prints them with all their numbers", OPTION_FLAG, &r.tables, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &r.help, NULL},
    };
    struct options parser = {.program = "nanolab plot",
                             .help_command = "nanolab plot --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = dirs};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (r.help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    if (parser.positional_count != 1) {
        options_fail(&parser, "needs one result folder; try nanolab plot --help");
        return options_report();
    }
    stop_catch(NULL);
    return plot_all(&r, dirs[0]);
}
