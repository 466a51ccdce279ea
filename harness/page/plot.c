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
#include "harness/page/plot_text.h"
#include "harness/page/table.h"
#include "harness/page/tool.h"
#include "harness/stop.h"
#include "harness/store/durable.h"

#define IMAGE_MAX ((size_t)64 << 20)
#define PUBLISHED "results/published"
#define SCRIPT_MAX ((size_t)1 << 20)

void plot_set_free(struct plot_set *set) {
    for (size_t k = 0; k < LEGEND_SHOWN_MAX; k++) {
        free(set->images[k].svg);
        free(set->images[k].png);
        free(set->images[k].text);
    }
    for (size_t k = 0; k <= LEGEND_DATA_MAX; k++)
        free(set->data[k].text);
    free(set->script);
    memset(set, 0, sizeof *set);
}

/* One drawing of a lab: where from, where to. */
struct drawing {
    const struct reader *reader; /* NULL: every table of `folder` will do */
    const struct folder *folder, *scratch;
    const char *home, *script;
    const struct plot_text *as_text; /* NULL: as SVG and PNG */
    bool reads_only;
    struct plot_set *set;
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

/* Data k out of its table. */
static int read_data_from(struct drawing *d, int k, const struct folder *from) {
    const struct legend_data *legend = &d->set->legend.data[k];
    struct plot_data *data = &d->set->data[k];
    char file[LEGEND_WORD + 8];
    struct table table;
    snprintf(file, sizeof file, "%s.tsv", legend->table);
    bool is_sealed = d->reader && !legend->is_published;
    if (is_sealed ? !reader_seals(d->reader, file) : !folder_has(from, file))
        return 0;
    if (table_read(from, file, &table))
        return -1;
    FILE *out = open_memstream(&data->text, &data->length);
    int status = out ? table_write_blocks(&table, legend, out, &data->extent) : -1;
    if (!out || fclose(out))
        status = error_set("%s: out of memory; close other programs", file);
    table_free(&table);
    if (status)
        data->extent = (struct table_extent){0};
    return status;
}

static int read_data(struct drawing *d, int k) {
    struct folder published;
    if (!d->set->legend.data[k].is_published)
        return read_data_from(d, k, d->folder);
    if (open_published(d->home, &published))
        return 0;
    int status = read_data_from(d, k, &published);
    folder_close(&published);
    return status;
}

static void read_all_data(struct drawing *d) {
    struct plot_set *set = d->set;
    for (int k = 1; k <= LEGEND_DATA_MAX && !stop_signal; k++) {
        if (!set->legend.data[k].number)
            continue;
        if (read_data(d, k))
            miss(set);
        if (set->data[k].extent.rows)
            set->have |= 1u << k;
        if (set->data[k].extent.rows && !set->legend.data[k].is_published)
            set->own |= 1u << k;
    }
}

bool plot_has_data(const struct plot_set *set, size_t k) {
    const struct legend_shown *shown = &set->legend.shown[k];
    return set->own && shown->is_plot && (shown->needs & set->have) == shown->needs;
}

/* Under fixed names. */
static int write_data(const struct drawing *d) {
    for (int k = 1; k <= LEGEND_DATA_MAX; k++) {
        const struct plot_data *data = &d->set->data[k];
        char name[32];
        snprintf(name, sizeof name, "data%d.tsv", k);
        if (data->text && folder_write(d->scratch, name, data->text, data->length))
            return -1;
    }
    return 0;
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
            extent = d->set->data[k].extent;
        if (d->set->legend.data[k].number)
            fprintf(numbers, "data%d_blocks = %zu\ndata%d_rows = %zu\n", k, extent.blocks, k,
                    extent.rows);
    }
    int status = fclose(numbers) ? error_set("out of memory; close other programs")
                                 : folder_write(d->scratch, "numbers.gp", text, length);
    free(text);
    return status;
}

/* Runs gnuplot once; the plots are then in `scratch` as NAME.svg, NAME.png or NAME.txt. */
static int run_gnuplot(const struct drawing *d, const char *target, size_t lines) {
    const struct plot_text none = {0}, *text = d->as_text ? d->as_text : &none;
    char settings[120], style[4200];
    snprintf(settings, sizeof settings,
             "target = \"%s\"; columns = %zu; lines = %zu; in_utf8 = %d; in_colour = %d", target,
             text->columns, lines, text->utf8, text->colour);
    snprintf(style, sizeof style, "%s/harness/page/style.gp", d->home);
    const char *argv[] = {"gnuplot", "-d", "-e", settings, "numbers.gp", style, d->script, NULL};
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
    if (write_numbers(d, show) || run_gnuplot(d, "svg", 0) || run_gnuplot(d, "png", 0))
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
static void draw_images(const struct drawing *d) {
    struct plot_set *set = d->set;
    bool together = draw_with(d, set->have) == 0;
    if (!together)
        miss(set);
    for (size_t k = 0; k < set->legend.shown_count && !stop_signal; k++) {
        if (!plot_has_data(set, k))
            continue;
        if (together || draw_with(d, set->legend.shown[k].needs) == 0)
            take_image(d, k);
        else
            miss(set);
    }
}

/* A plot is as high as its series' names ask for. */
static size_t lines_of(const struct plot_set *set, size_t k) {
    size_t names = 0;
    for (int i = 1; i <= LEGEND_DATA_MAX; i++)
        names += set->legend.shown[k].needs & 1u << i ? set->data[i].extent.blocks : 0;
    return plot_text_lines(names);
}

static void take_text(const struct drawing *d, size_t k) {
    struct plot_image *image = &d->set->images[k];
    image->have =
        !take(d->scratch, d->set->legend.shown[k].name, "txt", &image->text, &image->text_length);
    if (image->have)
        plot_text_clean(image->text, &image->text_length, d->as_text);
    else
        miss(d->set);
}

/* All plots of one height in one go; where that fails, each by itself. */
static void draw_texts(const struct drawing *d) {
    struct plot_set *set = d->set;
    bool tried[LEGEND_SHOWN_MAX] = {false};
    for (size_t k = 0; k < set->legend.shown_count && !stop_signal; k++) {
        if (tried[k] || !plot_has_data(set, k))
            continue;
        size_t lines = lines_of(set, k);
        bool together = !write_numbers(d, set->have) && !run_gnuplot(d, "txt", lines);
        if (!together)
            miss(set);
        for (size_t j = k; j < set->legend.shown_count && !stop_signal; j++) {
            if (tried[j] || !plot_has_data(set, j) || lines_of(set, j) != lines)
                continue;
            tried[j] = true;
            if (together ||
                (!write_numbers(d, set->legend.shown[j].needs) && !run_gnuplot(d, "txt", lines)))
                take_text(d, j);
            else
                miss(set);
        }
    }
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
    set->script = strdup(text);
    free(text);
    if (!set->script)
        return error_set("%s: out of memory", script);
    set->known = legend_parse(set->script, script, &set->legend) == 0;
    return set->known ? 0 : -1;
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

/* Reads and draws what the set's legend, read from d->script, declares. */
static int draw_script(struct drawing *d) {
    char path[4096];
    struct folder scratch;
    read_all_data(d);
    if (!d->set->own || d->reads_only || stop_signal)
        return stop_signal ? error_set("stopped by a signal") : 0;
    if (!tool_exists("gnuplot"))
        return error_set(PLOT_NO_GNUPLOT);
    if (home_private(path, sizeof path))
        return -1;
    int status = folder_open(&scratch, path);
    if (!status) {
        struct drawing inside = *d;
        inside.scratch = &scratch;
        status = write_data(&inside);
        if (!status && d->as_text)
            draw_texts(&inside);
        else if (!status)
            draw_images(&inside);
        folder_close(&scratch);
    }
    home_private_remove(path);
    return stop_signal ? error_set("stopped by a signal") : status;
}

/* Of a lab, from `home`. */
static int draw_lab(struct drawing *d, const char *lab) {
    char script[4096 + 128];
    memset(d->set, 0, sizeof *d->set);
    if (read_legend(d->home, lab, script, sizeof script, d->set))
        return -1;
    d->script = script;
    /* A partial lab has no tables. */
    int status = d->set->known && !(d->reader && !d->reader->end) ? draw_script(d) : 0;
    d->script = NULL;
    return status;
}

int plot_draw_from(const char *home, const struct reader *reader, const struct folder *folder,
                   const char *lab, struct plot_set *set) {
    struct drawing d = {.reader = reader, .folder = folder, .home = home, .set = set};
    return draw_lab(&d, lab);
}

int plot_draw_text_from(const char *home, const struct folder *folder, const char *lab,
                        const struct plot_text *as_text, struct plot_set *set) {
    struct drawing d = {.folder = folder, .home = home, .as_text = as_text, .set = set};
    return draw_lab(&d, lab);
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
    struct drawing d = {.folder = folder, .home = home, .script = script, .set = set};
    return draw_script(&d);
}

/* Of a lab's journal, from this tree. */
static int draw_journal(struct drawing *d) {
    char home[4096];
    memset(d->set, 0, sizeof *d->set);
    if (home_find(home, sizeof home))
        return -1;
    d->home = home;
    d->folder = &d->reader->folder;
    int status = draw_lab(d, json_string_value(json_object_get(d->reader->start, "lab")));
    d->home = NULL;
    return status;
}

int plot_draw(const struct reader *reader, struct plot_set *set) {
    struct drawing d = {.reader = reader, .set = set};
    return draw_journal(&d);
}

int plot_draw_text(const struct reader *reader, const struct plot_text *as_text,
                   struct plot_set *set) {
    struct drawing d = {.reader = reader, .as_text = as_text, .set = set};
    return draw_journal(&d);
}

int plot_read(const struct reader *reader, struct plot_set *set) {
    struct drawing d = {.reader = reader, .reads_only = true, .set = set};
    return draw_journal(&d);
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
