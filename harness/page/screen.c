/* screen.c: see screen.h. */
#include "harness/page/screen.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/text.h"

size_t screen_width(int fd, size_t otherwise) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return otherwise;
}

/* Asked of the environment and not of setlocale(), which knows only locales that are installed. */
static bool says_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *value = getenv(names[k]);
        const char *dot = value ? strchr(value, '.') : NULL;
        if (value && *value)
            return dot && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
    }
    return false;
}

void screen_find(struct screen *screen, int fd, size_t otherwise) {
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    screen->width = screen_width(fd, otherwise);
    screen->terminal = isatty(fd) == 1;
    screen->utf8 = says_utf8();
    screen->colour = screen->terminal && !(no_colour && *no_colour) && term && *term &&
                     strcmp(term, "dumb") != 0;
}

/* Characters up to the next blank, and their bytes. */
static size_t word(const char *s, size_t *bytes) {
    size_t columns = 0, at = 0;
    while (s[at] && s[at] != ' ') {
        size_t n = text_visible(s + at);
        at += n ? n : 1;
        columns++;
    }
    *bytes = at;
    return columns;
}

void screen_wrap(FILE *to, const char *text, size_t *at, size_t indent, size_t width) {
    bool first = true;
    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        size_t bytes, columns = word(text, &bytes);
        if (!first && *at + 1 + columns > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            *at = indent;
        } else if (!first) {
            fputc(' ', to);
            ++*at;
        }
        for (size_t i = 0; i < bytes;) {
            size_t n = text_visible(text + i);
            if (n == 0)
                fputc('?', to);
            else
                fwrite(text + i, 1, n, to);
            i += n ? n : 1;
        }
        *at += columns;
        text += bytes;
        first = false;
    }
}

char screen_ascii(uint32_t code) {
    static const struct {
        uint32_t code;
        char ascii;
    } known[] = {{0xd7, 'x'},   {0xb5, 'u'},   {0x3bc, 'u'},  {0x3b1, 'a'},  {0x3b2, 'b'},
                 {0x2013, '-'}, {0x2212, '-'}, {0xb7, '*'},   {0x2070, '0'}, {0xb9, '1'},
                 {0xb2, '2'},   {0xb3, '3'},   {0x2074, '4'}, {0x2075, '5'}, {0x2076, '6'},
                 {0x2077, '7'}, {0x2078, '8'}, {0x2079, '9'}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (known[k].code == code)
            return known[k].ascii;
    return '?';
}

void screen_to_ascii(char *text) {
    char *to = text;
    while (*text) {
        uint32_t code;
        size_t length = text_decode(text, &code);
        *to++ = length == 1 ? *text : length ? screen_ascii(code) : '?';
        text += length ? length : 1;
    }
    *to = '\0';
}
