/* plot.c: see plot.h. */
#define _GNU_SOURCE
#include "harness/page/plot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/table.h"
#include "harness/page/tool.h"
#include "harness/store/result.h"

/* One plot.gp may take this long per kind of file; the largest real one takes under 2 s. */
#define PLOT_SECONDS 120
#define IMAGE_MAX ((size_t)64 << 20)
#define SCRIPT_MAX ((size_t)1 << 20)

void plot_set_free(struct plot_set *set) {
    for (size_t k = 0; k < LEGEND_SHOWN_MAX; k++) {
        free(set->images[k].svg);
        free(set->images[k].png);
    }
    memset(set, 0, sizeof *set);
}

/* Copies the tables under their fixed names; sets `have` bits and the numbers gnuplot gets. */
static int copy_tables(const struct folder *folder, const struct legend *legend,
                       const struct folder *scratch, unsigned *have, FILE *numbers) {
    for (int k = 1; k <= LEGEND_DATA_MAX; k++) {
        const struct legend_data *data = &legend->data[k];
        if (!data->number)
            continue;
        char file[LEGEND_WORD + 8], name[32];
        struct table_extent extent = {0};
        snprintf(file, sizeof file, "%s.tsv", data->table);
        if (folder_has(folder, file)) {
            struct table table;
            if (table_read(folder, file, &table))
                return -1;
            char *text = NULL;
            size_t length = 0;
            FILE *out = open_memstream(&text, &length);
            int status = out ? table_write_blocks(&table, data, out, &extent) : -1;
            if (!out)
                error_set("%s: out of memory", file);
            if (out)
                fclose(out);
            snprintf(name, sizeof name, "data%d.tsv", k);
            if (!status)
                status = folder_write(scratch, name, text, length);
            free(text);
            table_free(&table);
            if (status)
                return -1;
        }
        if (extent.rows)
            *have |= 1u << k;
        fprintf(numbers, "data%d_blocks = %zu\ndata%d_rows = %zu\n", k, extent.blocks, k,
                extent.rows);
    }
    return 0;
}

/* Runs gnuplot once; the plots are then in `scratch` as NAME.svg or NAME.png. */
static int run_gnuplot(const char *target, const char *home, const char *script,
                       const struct folder *scratch) {
    char set_target[32], style[4200];
    snprintf(set_target, sizeof set_target, "target = \"%s\"", target);
    snprintf(style, sizeof style, "%s/harness/page/style.gp", home);
    const char *argv[] = {"gnuplot", "-d", "-e", set_target, "numbers.gp", style, script, NULL};
    struct tool_run tool = {
        .argv = argv, .package = "gnuplot-nox", .folder = scratch->path, .seconds = PLOT_SECONDS};
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

static int draw_in(const struct folder *folder, const char *home, const char *script,
                   const struct folder *scratch, struct plot_set *set) {
    unsigned have = 0;
    char *text = NULL;
    size_t length = 0;
    FILE *numbers = open_memstream(&text, &length);
    if (!numbers)
        return error_set("out of memory");
    int status = copy_tables(folder, &set->legend, scratch, &have, numbers);
    fclose(numbers);
    if (!status)
        status = folder_write(scratch, "numbers.gp", text, length);
    free(text);
    if (status || !have)
        return status;
    if (run_gnuplot("svg", home, script, scratch) || run_gnuplot("png", home, script, scratch))
        return -1;
    for (size_t k = 0; k < set->legend.shown_count; k++) {
        const struct legend_shown *shown = &set->legend.shown[k];
        struct plot_image *image = &set->images[k];
        if (!shown->is_plot || (shown->needs & have) != shown->needs)
            continue;
        if (take(scratch, shown->name, "svg", &image->svg, &image->svg_length) ||
            take(scratch, shown->name, "png", &image->png, &image->png_length))
            return -1;
        image->have = 1;
    }
    return 0;
}

/* Reads the lab's plot.gp from the tree; a lab without one has no plots. */
static int read_legend(const char *home, const char *lab, char *script, size_t size,
                       struct plot_set *set) {
    if (!home_is_lab(lab))
        return error_set("%s: not the name of a lab's folder", lab);
    snprintf(script, size, "%s/labs/%s/plot.gp", home, lab);
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

int plot_legend(const char *lab, struct plot_set *set) {
    char home[4096], script[4096 + 128];
    memset(set, 0, sizeof *set);
    if (home_find(home, sizeof home))
        return -1;
    return read_legend(home, lab, script, sizeof script, set);
}

int plot_draw_from(const char *home, const struct folder *folder, const char *lab,
                   struct plot_set *set) {
    char script[4096 + 128], path[4096];
    memset(set, 0, sizeof *set);
    if (read_legend(home, lab, script, sizeof script, set))
        return -1;
    if (!set->known)
        return 0;
    if (home_private(path, sizeof path))
        return -1;
    struct folder scratch;
    int status = folder_open(&scratch, path);
    if (!status) {
        status = draw_in(folder, home, script, &scratch, set);
        folder_close(&scratch);
    }
    home_private_remove(path);
    return status;
}

int plot_draw(const struct folder *folder, const char *lab, struct plot_set *set) {
    char home[4096];
    memset(set, 0, sizeof *set);
    if (home_find(home, sizeof home))
        return -1;
    return plot_draw_from(home, folder, lab, set);
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

static int plot_lab(const struct folder *folder, const char *lab, int *total) {
    struct folder inside;
    struct plot_set set;
    if (folder_open_in(&inside, folder, lab))
        return complain(2);
    int status = plot_draw(&inside, lab, &set) ? complain(2) : 0;
    int count = status ? 0 : plot_save(&inside, &set);
    if (count < 0)
        status = complain(2);
    if (!status && !set.known)
        fprintf(stderr, "nanolab plot: %s: this version has no plot for it; left out\n", lab);
    for (size_t k = 0; !status && k < set.legend.shown_count; k++)
        if (set.images[k].have)
            printf("%s/plots/%s.svg\n", inside.path, set.legend.shown[k].name);
    *total += count > 0 ? count : 0;
    plot_set_free(&set);
    folder_close(&inside);
    return status;
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
    struct folder folder;
    char labs[HOME_LABS_MAX][HOME_NAME_MAX];
    if (folder_open(&folder, argv[1]))
        return complain(2);
    int count = home_labs(&folder, labs, HOME_LABS_MAX), total = 0, status = 0;
    if (count < 0) {
        status = complain(2);
    } else if (count == 0) {
        error_set("%s: no lab's folder in it; give the folder a run wrote", argv[1]);
        status = complain(2);
    } else if (!tool_exists("gnuplot")) {
        error_set("gnuplot is not installed; try: apt-get install gnuplot-nox");
        status = complain(1);
    }
    for (int k = 0; !status && k < count; k++)
        status = plot_lab(&folder, labs[k], &total);
    folder_close(&folder);
    if (!status && !total)
        fprintf(stderr, "nanolab plot: %s: nothing in it to draw (bits only, or a partial run)\n",
                argv[1]);
    return status;
}
