/* plot_text.c: see plot_text.h. */
#include "harness/page/plot_text.h"

#include <string.h>

#include "harness/page/screen.h"
#include "harness/text.h"

#define LINES_OF_A_PLOT 22
#define NAMES_MOST 24

size_t plot_text_lines(size_t names) {
    return LINES_OF_A_PLOT + (names < NAMES_MOST ? names : NAMES_MOST);
}

/* Bytes of a colour, "ESC [ 1 ; 31 m"; 0 for anything else. */
static size_t colour_at(const char *at) {
    if (strncmp(at, "\033[", 2) != 0)
        return 0;
    size_t length = 2 + strspn(at + 2, "0123456789;");
    return at[length] == 'm' ? length + 1 : 0;
}

/* Without the blanks at its end. */
static char *end_line(char *line, char *to) {
    while (to > line && to[-1] == ' ')
        to--;
    return to;
}

void plot_text_clean(char *text, size_t *length, const struct plot_text *as_text) {
    char *to = text, *line = text;
    for (const char *at = text; *at;) {
        uint32_t code;
        size_t colour = colour_at(at), whole = text_visible(at);
        if (colour > 0) {
            memmove(to, at, as_text->colour ? colour : 0);
            to += as_text->colour ? colour : 0;
            at += colour;
        } else if (*at == '\n') {
            to = end_line(line, to);
            at++;
            if (to > text) /* no empty lines before the first */
                *to++ = '\n';
            line = to;
        } else if (whole > 1 && !as_text->utf8) {
            text_decode(at, &code);
            *to++ = screen_ascii(code);
            at += whole;
        } else {
            memmove(to, at, whole);
            to += whole;
            at += whole ? whole : 1; /* form feeds */
        }
    }
    to = end_line(line, to);
    while (to - text > 1 && to[-1] == '\n' && to[-2] == '\n')
        to--;
    *to = '\0';
    *length = (size_t)(to - text);
}
