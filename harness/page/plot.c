/* plot.c: see plot.h. */
#define _GNU_SOURCE
#include "harness/page/plot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/table.h"
#include "harness/page/tool.h"
#include "harness/stop.h"
#include "harness/store/checked.h"
#include "harness/store/durable.h"
#include "harness/text.h"

#define NO_GNUPLOT                                                                                 \
    "gnuplot is not installed; try: apt-get install gnuplot-nox, here or on another machine that " \
    "the folder is copied to"
#define IMAGE_MAX ((size_t)64 << 20)
#define PUBLISHED "results/published"
#define SCRIPT_MAX ((size_t)1 << 20)

void plot_set_free(struct plot_set *set) {
    for (size_t k = 0; k < LEGEND_SHOWN_MAX; k++) {
        free(set->images[k].svg);
        free(set->images[k].png);
    }
    memset(set, 0, sizeof *set);
}

/* One drawing of a lab: where from, where to. */
struct drawing {
    const struct reader *reader; /* NULL: every table of `folder` will do */
    const struct folder *folder, *scratch;
    const char *home, *script;
    struct plot_set *set;
    struct table_extent extents[LEGEND_DATA_MAX + 1];
    unsigned have; /* bit k: data k has rows … */
    unsigned own;  /* … and they are the result's own */
};

/* The first reason is the one that is told. */
static void miss(struct plot_set *set) {
    if (!*set->missing)
        snprintf(set->missing, sizeof set->missing, "%s", error_text());
}

/* Where the tree keeps figures of others; -1 where it has none. */
static int open_published(const char *home, struct folder *published) {
    char path[FOLDER_PATH];
    if (snprintf(path, sizeof path, "%s/" PUBLISHED, home) >= (int)sizeof path ||
        access(path, R_OK) != 0)
        return -1;
    return folder_open(published, path);
}

/* Data k out of its table, under a fixed name. */
static int copy_table_of(struct drawing *d, int k, const struct folder *from) {
    const struct legend_data *data = &d->set->legend.data[k];
    char file[LEGEND_WORD + 8], name[32], *text = NULL;
    size_t length = 0;
    struct table table;
    snprintf(file, sizeof file, "%s.tsv", data->table);
    bool is_sealed = d->reader && !data->is_published;
    if (is_sealed ? !reader_seals(d->reader, file) : !folder_has(from, file))
        return 0;
    if (table_read(from, file, &table))
        return -1;
    FILE *out = open_memstream(&text, &length);
    int status = out ? table_write_blocks(&table, data, out, &d->extents[k]) : -1;
    if (!out || fclose(out))
        status = error_set("%s: out of memory; close other programs", file);
    snprintf(name, sizeof name, "data%d.tsv", k);
    if (!status)
        status = folder_write(d->scratch, name, text, length);
    free(text);
    table_free(&table);
    if (status)
        d->extents[k] = (struct table_extent){0};
    return status;
}

static int copy_table(struct drawing *d, int k) {
    struct folder published;
    if (!d->set->legend.data[k].is_published)
        return copy_table_of(d, k, d->folder);
    if (open_published(d->home, &published))
        return 0;
    int status = copy_table_of(d, k, &published);
    folder_close(&published);
    return status;
}

static void copy_tables(struct drawing *d) {
    for (int k = 1; k <= LEGEND_DATA_MAX && !stop_signal; k++) {
        if (!d->set->legend.data[k].number)
            continue;
        if (copy_table(d, k))
            miss(d->set);
        if (d->extents[k].rows)
            d->have |= 1u << k;
        if (d->extents[k].rows && !d->set->legend.data[k].is_published)
            d->own |= 1u << k;
    }
}

/* The numbers gnuplot gets; data that are not among `show` count as empty. */
static int write_numbers(const struct drawing *d, unsigned show) {
    char *text = NULL;
    size_t length = 0;
    FILE *numbers = open_memstream(&text, &length);
    if (!numbers)
        return error_set("out of memory; close other programs");
    for (int k = 1; k <= LEGEND_DATA_MAX; k++) {
        struct table_extent extent = {0};
        if (show & 1u << k)
            extent = d->extents[k];
        if (d->set->legend.data[k].number)
            fprintf(numbers, "data%d_blocks = %zu\ndata%d_rows = %zu\n", k, extent.blocks, k,
                    extent.rows);
    }
    int status = fclose(numbers) ? error_set("out of memory; close other programs")
                                 : folder_write(d->scratch, "numbers.gp", text, length);
    free(text);
    return status;
}

/* Runs gnuplot once; the plots are then in `scratch` as NAME.svg or NAME.png. */
static int run_gnuplot(const struct drawing *d, const char *target) {
    char set_target[32], style[4200];
    snprintf(set_target, sizeof set_target, "target = \"%s\"", target);
    snprintf(style, sizeof style, "%s/harness/page/style.gp", d->home);
    const char *argv[] = {"gnuplot", "-d", "-e", set_target, "numbers.gp", style, d->script, NULL};
    struct tool_run tool = {.argv = argv,
                            .package = "gnuplot-nox",
                            .folder = d->scratch->path,
                            .seconds = LIMIT_PLOT_SECONDS};
    return tool_run(&tool, NULL, NULL);
}

/* Takes one finished file; a plot whose data are there must have come out. */
static int take(const struct folder *scratch, const char *name, const char *target, char **data,
                size_t *length) {
    char file[LEGEND_WORD + 8];
    snprintf(file, sizeof file, "%s.%s", name, target);
    if (!folder_has(scratch, file))
        return error_set("gnuplot did not write %s, though its data are there; see the lab's "
                         "plot.gp",
                         file);
    return folder_read(scratch, file, IMAGE_MAX, data, length);
}

static int draw_with(const struct drawing *d, unsigned show) {
    if (write_numbers(d, show) || run_gnuplot(d, "svg") || run_gnuplot(d, "png"))
        return -1;
    return 0;
}

/* gnuplot writes the text at a mark as an argument of a script's call, which nothing on a page may
 * run. As the mark's title it is shown by the browser itself. In place, as it gets shorter. */
static void make_tips(char *svg, size_t *length) {
    static const char before[] = "<g onmousemove=\"gnuplot_svg.showHypertext(evt,'";
    static const char after[] = "')\" onmouseout=\"gnuplot_svg.hideHypertext()\"><title> </title>";
    char *to = svg;
    for (const char *at = svg; *at;) {
        bool is_mark = strncmp(at, before, sizeof before - 1) == 0;
        const char *tip = at + sizeof before - 1, *end = is_mark ? strstr(tip, after) : NULL;
        if (!end) {
            *to++ = *at++;
            continue;
        }
        size_t n = (size_t)(end - tip);
        to = stpcpy(to, "<g><title>");
        memmove(to, tip, n);
        to = stpcpy(to + n, "</title>");
        at = end + sizeof after - 1;
    }
    *to = '\0';
    *length = (size_t)(to - svg);
}

static void take_image(const struct drawing *d, size_t k) {
    const char *name = d->set->legend.shown[k].name;
    struct plot_image *image = &d->set->images[k];
    image->have = !take(d->scratch, name, "svg", &image->svg, &image->svg_length) &&
                  !take(d->scratch, name, "png", &image->png, &image->png_length);
    if (image->have)
        make_tips(image->svg, &image->svg_length);
    else
        miss(d->set);
}

/* All plots in one go; where that fails, each by itself, so that one does not take the others
 * away. */
static int draw_in(struct drawing *d) {
    copy_tables(d);
    if (!d->own)
        return stop_signal ? error_set("stopped by a signal") : 0;
    bool together = draw_with(d, d->have) == 0;
    if (!together)
        miss(d->set);
    for (size_t k = 0; k < d->set->legend.shown_count && !stop_signal; k++) {
        const struct legend_shown *shown = &d->set->legend.shown[k];
        if (!shown->is_plot || (shown->needs & d->have) != shown->needs)
            continue;
        if (together || draw_with(d, shown->needs) == 0)
            take_image(d, k);
        else
            miss(d->set);
    }
    return stop_signal ? error_set("stopped by a signal") : 0;
}

/* Reads what a script of the tree declares; without it there are no plots. */
static int read_script(const char *script, struct plot_set *set) {
    FILE *file = fopen(script, "re");
    if (!file) {
        if (errno == ENOENT)
            return 0;
        return error_set("%s: %s", script, strerror(errno));
    }
    char *text = malloc(SCRIPT_MAX);
    size_t length = text ? fread(text, 1, SCRIPT_MAX - 1, file) : 0;
    fclose(file);
    if (!text)
        return error_set("%s: out of memory", script);
    text[length] = '\0';
    set->known = 1;
    int status = legend_parse(text, script, &set->legend);
    free(text);
    return status;
}

static int read_legend(const char *home, const char *lab, char *script, size_t size,
                       struct plot_set *set) {
    if (!home_is_lab(lab))
        return error_set("%s: not the name of a lab's folder", lab);
    snprintf(script, size, "%s/labs/%s/plot.gp", home, lab);
    return read_script(script, set);
}

int plot_legend(const char *lab, struct plot_set *set) {
    char home[4096], script[4096 + 128];
    memset(set, 0, sizeof *set);
    if (home_find(home, sizeof home))
        return -1;
    return read_legend(home, lab, script, sizeof script, set);
}

/* Draws what the set's legend, read from `script`, declares. */
static int draw_script(const char *home, const struct reader *reader, const struct folder *folder,
                       const char *script, struct plot_set *set) {
    char path[4096];
    if (!tool_exists("gnuplot"))
        return error_set(NO_GNUPLOT);
    if (home_private(path, sizeof path))
        return -1;
    struct folder scratch;
    int status = folder_open(&scratch, path);
    if (!status) {
        struct drawing d = {.reader = reader,
                            .folder = folder,
                            .scratch = &scratch,
                            .home = home,
                            .script = script,
                            .set = set};
        status = draw_in(&d);
        folder_close(&scratch);
    }
    home_private_remove(path);
    return status;
}

int plot_draw_from(const char *home, const struct reader *reader, const struct folder *folder,
                   const char *lab, struct plot_set *set) {
    char script[4096 + 128];
    memset(set, 0, sizeof *set);
    if (read_legend(home, lab, script, sizeof script, set))
        return -1;
    /* A partial lab has no tables. */
    if (!set->known || (reader && !reader->end))
        return 0;
    return draw_script(home, reader, folder, script, set);
}

int plot_draw_tables(const char *name, const struct folder *folder, struct plot_set *set) {
    char home[4096], script[4096 + 128];
    memset(set, 0, sizeof *set);
    if (home_find(home, sizeof home))
        return -1;
    snprintf(script, sizeof script, "%s/%.100s", home, name);
    if (read_script(script, set))
        return -1;
    if (!set->known)
        return error_set("%s: no such file; use a complete source tree", script);
    return draw_script(home, NULL, folder, script, set);
}

int plot_draw(const struct reader *reader, struct plot_set *set) {
    char home[4096];
    memset(set, 0, sizeof *set);
    if (home_find(home, sizeof home))
        return -1;
    const char *lab = json_string_value(json_object_get(reader->start, "lab"));
    return plot_draw_from(home, reader, &reader->folder, lab, set);
}

int plot_save(const struct folder *folder, const struct plot_set *set) {
    struct folder plots;
    int count = 0;
    for (size_t k = 0; k < set->legend.shown_count; k++)
        count += set->images[k].have;
    if (!count)
        return 0;
    if (home_make_in(&plots, folder, "plots"))
        return -1;
    durable_clean(plots.fd, NULL);
    for (size_t k = 0; k < set->legend.shown_count; k++) {
        const struct plot_image *image = &set->images[k];
        if (!image->have)
            continue;
        char file[LEGEND_WORD + 8];
        snprintf(file, sizeof file, "%s.svg", set->legend.shown[k].name);
        int status = folder_write(&plots, file, image->svg, image->svg_length);
        snprintf(file, sizeof file, "%s.png", set->legend.shown[k].name);
        if (!status)
            status = folder_write(&plots, file, image->png, image->png_length);
        if (status) {
            folder_close(&plots);
            return -1;
        }
    }
    folder_close(&plots);
    return count;
}

static int usage(FILE *out, int status) {
    fputs("usage: nanolab plot DIR\n"
          "\n"
          "Draws the plots of every lab in the result folder DIR into DIR/LAB/plots/, as SVG and\n"
          "PNG, from the tables (*.tsv) beside them. Needs gnuplot. Drawing again gives the same\n"
          "files.\n"
          "\n"
          "  nanolab run 01 --quick --out results/mine\n"
          "  nanolab plot results/mine\n",
          out);
    return status;
}

static int complain(int status) {
    fprintf(stderr, "nanolab plot: %s\n", error_text());
    return status;
}

static int plot_lab(const struct checked_lab *lab, int *total) {
    struct plot_set set;
    const struct folder *folder = &lab->reader->folder;
    int status = plot_draw(lab->reader, &set) ? complain(2) : 0;
    int count = status ? 0 : plot_save(folder, &set);
    if (count < 0)
        status = complain(2);
    if (!status && !set.known)
        fprintf(stderr, "nanolab plot: %s: this version has no plot for it; left out\n", lab->name);
    if (!status && !lab->reader->end)
        fprintf(stderr, "nanolab plot: %s: partial, so it has no tables yet; left out\n",
                lab->name);
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

static int plot_all(const char *dir) {
    struct checked *checked;
    int total = 0, status = 0;
    if (checked_open(&checked, dir))
        return complain(2);
    if (checked->lab_count == 0) {
        error_set("%s: no lab's folder in it; give the folder a run wrote", dir);
        status = complain(2);
    } else if (!tool_exists("gnuplot")) {
        error_set(NO_GNUPLOT);
        status = complain(1);
    }
    /* A lab that cannot be drawn does not take the others away. */
    for (size_t k = 0; status != 1 && k < checked->lab_count && !stop_signal; k++)
        if (plot_lab(&checked->labs[k], &total))
            status = 2;
    if (!status && !total && !stop_signal) {
        error_set("%s: nothing in it to draw (bits only, or a partial run)", dir);
        complain(0);
    }
    checked_close(checked);
    return stop_status(status);
}

int plot_main(int argc, char **argv) {
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return usage(stdout, 0);
    for (int k = 1; k < argc; k++)
        if (argv[k][0] == '-') {
            fprintf(stderr, "nanolab plot: unknown option '%s'; try nanolab plot --help\n",
                    argv[k]);
            return 2;
        }
    if (argc != 2) {
        fprintf(stderr, "nanolab plot: needs one result folder; try nanolab plot --help\n");
        return 2;
    }
    stop_catch(NULL);
    return plot_all(argv[1]);
}
