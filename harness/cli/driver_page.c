/*
 * driver_page.c: the page that grows while `nanolab run --page` goes on.
 */
#include <stdio.h>
#include <string.h>

#include "harness/cli/driver.h"
#include "harness/error.h"
#include "harness/page/report.h"
#include "harness/store/result.h"
#include "harness/text.h"

/* Why plots are missing: once for each reason. */
static void say_missing(struct driver_page *page) {
    for (size_t k = 0; k < page->report->lab_count; k++) {
        const char *why = page->report->labs[k].plots_missing;
        if (!*why || strcmp(why, page->said) == 0)
            continue;
        fprintf(stderr, "nanolab: the page has no plots of %s: %s\n", page->report->labs[k].name,
                why);
        snprintf(page->said, sizeof page->said, "%s", why);
    }
}

void driver_page_make(struct driver_page *page, const char *dir, size_t to_come) {
    if (!page->wanted)
        return;
    page->made = report_make(dir, &page->report) != 2;
    if (!page->made) {
        /* The results are what counts, and they are there. */
        fprintf(stderr, "nanolab: no page: %s\n", error_text());
        return;
    }
    say_missing(page);
    if (to_come > 0) {
        char shown[RESULT_PATH_MAX];
        fprintf(stderr, "nanolab: page so far: %s/report.html (%zu lab%s still to come)\n",
                text_plain(shown, sizeof shown, dir), to_come, to_come == 1 ? "" : "s");
    }
}

void driver_page_end(struct driver_page *page) {
    report_forget(&page->report);
}
