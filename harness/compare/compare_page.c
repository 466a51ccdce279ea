/*
 * compare_page.c: the folder of a comparison's page (compare_page.h).
 */
#define _GNU_SOURCE
#include "harness/compare/compare_page.h"

#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/report.h"
#include "harness/store/durable.h"
#include "harness/text.h"

#define SCRIPT "harness/compare/compare.gp"
#define CASES_SCRIPT "harness/compare/compare_cases.gp"

/* A page without plots is still a page: why they are missing is kept. */
static int draw(struct compare_section *s, const struct folder *folder) {
    struct folder inside;
    if (home_make_in(&inside, folder, s->letter) != 0)
        return -1;
    int status = compare_data(s, &inside);
    if (status == 0 && s->cases > 0) {
        int drawn = plot_draw_tables(SCRIPT, &inside, &s->set);
        text_plain(s->no_plots, sizeof s->no_plots, drawn ? error_text() : s->set.missing);
        if (drawn != 0)
            plot_set_free(&s->set);
        status = plot_save(&inside, &s->set) < 0 ? -1 : 0;
    }
    folder_close(&inside);
    return status;
}

/* The samples of cases explained, in a folder of their own beside it. */
static int draw_cases(struct compare_section *s, const struct folder *folder) {
    char name[16];
    struct folder inside;
    snprintf(name, sizeof name, "%s-cases", s->letter);
    if (s->c->explained_count == 0)
        return 0;
    if (home_make_in(&inside, folder, name) != 0)
        return -1;
    int status = compare_explained_data(s, &inside);
    if (status == 0) {
        int drawn = plot_draw_tables(CASES_SCRIPT, &inside, &s->case_set);
        if (!*s->no_plots)
            text_plain(s->no_plots, sizeof s->no_plots, drawn ? error_text() : s->case_set.missing);
        if (drawn != 0)
            plot_set_free(&s->case_set);
        status = plot_save(&inside, &s->case_set) < 0 ? -1 : 0;
    }
    folder_close(&inside);
    return status;
}

static int write_page(const struct compare_page *page, const struct folder *folder) {
    struct report_plots plots[2 * COMPARE_SIDES_MOST];
    char names[COMPARE_SIDES_MOST][16];
    char *markdown = NULL, *html = NULL;
    size_t length = 0, html_length = 0;
    FILE *out = open_memstream(&markdown, &length);
    int failed = out ? compare_markdown(page, out) : -1;
    if (out && fclose(out) != 0)
        failed = -1;
    int status = failed ? error_set("out of memory; close other programs") : 0;
    for (size_t k = 0; k < page->count; k++) {
        const struct compare_section *s = &page->sections[k];
        snprintf(names[k], sizeof names[k], "%s-cases", s->letter);
        plots[2 * k] = (struct report_plots){s->letter, &s->set};
        plots[2 * k + 1] = (struct report_plots){names[k], &s->case_set};
    }
    const struct report_page shown = {.title = "nanolab compare",
                                      .markdown = markdown,
                                      .length = length,
                                      .plots = plots,
                                      .plots_count = 2 * page->count};
    if (status == 0)
        status = report_html(&shown, &html, &html_length);
    if (status == 0)
        status = folder_write(folder, "compare.md", markdown, length);
    if (status == 0)
        status = folder_write(folder, "compare.html", html, html_length);
    free(markdown);
    free(html);
    return status;
}

int compare_page_make(const struct compare *list, size_t count, const char *dir, char *no_plots,
                      size_t size) {
    struct folder folder;
    if (home_page_folder(&folder, dir, "compare.md", "compare") != 0)
        return -1;
    struct compare_page *page = calloc(1, sizeof *page); /* too large for a stack */
    int status = page ? 0 : error_set("out of memory; close other programs");
    durable_clean(folder.fd, NULL);
    no_plots[0] = '\0';
    for (size_t k = 0; status == 0 && k < count; k++) {
        struct compare_section *s = &page->sections[page->count++];
        s->c = &list[k];
        s->letter[0] = (char)('B' + k);
        status = draw(s, &folder);
        if (status == 0)
            status = draw_cases(s, &folder);
        if (*s->no_plots && !*no_plots)
            snprintf(no_plots, size, "%s", s->no_plots);
    }
    if (status == 0)
        status = write_page(page, &folder);
    for (size_t k = 0; page && k < page->count; k++) {
        plot_set_free(&page->sections[k].set);
        plot_set_free(&page->sections[k].case_set);
    }
    free(page);
    folder_close(&folder);
    return status;
}
