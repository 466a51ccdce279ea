/*
 * class_page.c: the folder of a class's page (class_page.h).
 */
#define _GNU_SOURCE
#include "harness/class/class_page.h"

#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/report.h"
#include "harness/stop.h"
#include "harness/store/durable.h"
#include "harness/text.h"

#define SCRIPT "harness/class/class.gp"

/* One question's dots. A page without plots is still a page: why they are missing is kept. */
static int draw(struct class_page *page, struct class_plot *plot, const struct folder *folder) {
    struct folder inside;
    if (home_make_in(&inside, folder, plot->folder) != 0)
        return -1;
    int status = class_data(page->c, plot->lab, plot->question, &inside);
    if (status == 0) {
        int drawn = plot_draw_tables(SCRIPT, &inside, &plot->set);
        if (!*page->no_plots)
            text_plain(page->no_plots, sizeof page->no_plots,
                       drawn ? error_text() : plot->set.missing);
        if (drawn != 0)
            plot_set_free(&plot->set);
        status = plot_save(&inside, &plot->set) < 0 ? -1 : 0;
    }
    folder_close(&inside);
    return status;
}

static int draw_all(struct class_page *page, const struct folder *folder) {
    const struct class *c = page->c;
    int status = 0;
    for (size_t l = 0; l < c->lab_count; l++)
        for (size_t q = 0; status == 0 && q < c->labs[l].questions.count; q++) {
            if (!class_has_dots(c, l, q) || page->plot_count == CLASS_PLOTS_MOST)
                continue;
            struct class_plot *plot = &page->plots[page->plot_count++];
            plot->lab = l;
            plot->question = q;
            snprintf(plot->folder, sizeof plot->folder, "%02zu", page->plot_count);
            status = stop_signal ? error_set("stopped by a signal") : draw(page, plot, folder);
        }
    return status;
}

/* 0 with the page in *text, or -1 with error_text(). */
static int write_markdown(const struct class_page *page, char **text, size_t *length) {
    FILE *out = open_memstream(text, length);
    int failed = out ? class_markdown(page, out) : -1;
    if (out && fclose(out) != 0)
        failed = -1;
    return failed ? error_set("out of memory; close other programs") : 0;
}

static int write_page(const struct class_page *page, const struct folder *folder) {
    struct report_plots plots[CLASS_PLOTS_MOST];
    char *markdown = NULL, *html = NULL;
    size_t length = 0, html_length = 0;
    int status = write_markdown(page, &markdown, &length);
    for (size_t k = 0; k < page->plot_count; k++)
        plots[k] = (struct report_plots){page->plots[k].folder, &page->plots[k].set};
    const struct report_page shown = {.title = "nanolab class",
                                      .markdown = markdown,
                                      .length = length,
                                      .plots = plots,
                                      .plots_count = page->plot_count};
    if (status == 0)
        status = report_html(&shown, &html, &html_length);
    if (status == 0)
        status = folder_write(folder, "class.md", markdown, length);
    if (status == 0)
        status = folder_write(folder, "class.html", html, html_length);
    free(markdown);
    free(html);
    return status;
}

int class_page_make(const struct class *c, const struct class_compared *compared, const char *dir,
                    char *no_plots, size_t size) {
    struct folder folder;
    if (home_page_folder(&folder, dir, "class.md", "class") != 0)
        return -1;
    struct class_page *page = calloc(1, sizeof *page); /* too large for a stack */
    int status = page ? 0 : error_set("out of memory; close other programs");
    durable_clean(folder.fd, NULL);
    if (status == 0) {
        page->c = c;
        page->compared = compared;
        status = draw_all(page, &folder);
    }
    if (status == 0)
        status = write_page(page, &folder);
    snprintf(no_plots, size, "%s", page ? page->no_plots : "");
    for (size_t k = 0; page && k < page->plot_count; k++)
        plot_set_free(&page->plots[k].set);
    free(page);
    folder_close(&folder);
    return status;
}

int class_page_plain(const struct class *c, const struct class_compared *compared, size_t width,
                     FILE *out) {
    struct class_page *page = calloc(1, sizeof *page); /* too large for a stack */
    char *markdown = NULL;
    size_t length = 0;
    if (!page)
        return error_set("out of memory; close other programs");
    page->c = c;
    page->compared = compared;
    int status = write_markdown(page, &markdown, &length);
    if (status == 0)
        status = report_plain(markdown, length, width, out);
    free(markdown);
    free(page);
    return status;
}
