/*
 * plot.h: drawing a lab's plots with gnuplot from the tables of a result folder.
 *
 * The script is always the lab's own plot.gp from the source or installed tree. The tables are
 * checked and copied under fixed names (data1.tsv …) into a private folder, gnuplot runs there
 * without a shell, and no text of a result ever enters a script.
 */
#ifndef NANOLAB_HARNESS_PLOT_H
#define NANOLAB_HARNESS_PLOT_H

#include "harness/page/legend.h"
#include "harness/store/folder.h"

/* One finished drawing. */
struct plot_image {
    int have;
    char *svg, *png; /* whole files; NULL: not asked for */
    size_t svg_length, png_length;
};

/* A lab's drawings; images[k] belongs to legend.shown[k]. */
struct plot_set {
    int known; /* this build has such a lab, and it has a plot.gp */
    struct legend legend;
    struct plot_image images[LEGEND_SHOWN_MAX];
};

/* Only reads what the lab's plot.gp declares; draws nothing. Returns 0, or -1. */
int plot_legend(const char *lab, struct plot_set *set);
/* Draws the plots of one lab ("01-float-staging"), whose opened result folder is `folder`.
 * Returns 0, or -1 with error_text(); free the set either way. A plot whose table is not in the
 * folder is left out. */
int plot_draw(const struct folder *folder, const char *lab, struct plot_set *set);
/* The same with the scripts of another tree, for tests. */
int plot_draw_from(const char *home, const struct folder *folder, const char *lab,
                   struct plot_set *set);
/* Writes the drawn images to the lab's plots/ folder; returns how many plots, or -1. */
int plot_save(const struct folder *folder, const struct plot_set *set);
void plot_set_free(struct plot_set *set);

/* `nanolab plot DIR`; argv[0] is "plot". Returns the exit status: 0, 1 (no gnuplot),
 * 2 (usage, bad input, or gnuplot failed). */
int plot_main(int argc, char **argv);

#endif
