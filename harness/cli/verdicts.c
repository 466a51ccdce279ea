/*
 * verdicts.c: prints verdicts (verdicts.h).
 *
 *   S4  simt    confirmed          1,024/1,024  every predicted bit pattern equals the kernel's
 */
#include "harness/cli/verdicts.h"

#include <string.h>
#include <sys/ioctl.h>

static const char *text_of(const json_t *claim, const char *name) {
    const char *text = json_string_value(json_object_get(claim, name));
    return text ? text : "";
}

/* "1234567" as "1,234,567". */
static void grouped(json_int_t value, char *out, size_t size) {
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    size_t used = 0;
    for (int i = 0; i < n && used + 2 < size; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

/* Bytes of the character at `s`; 0 for a control character or what is no UTF-8 start. */
static size_t character(const char *s) {
    unsigned char c = (unsigned char)*s;
    if (c < ' ' || c == 127)
        return 0;
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
    /* U+0080…U+009F are control characters of their own. */
    return c == 0xc2 && (unsigned char)s[1] < 0xa0 ? 0 : n;
}

/* Characters up to the next blank, and their bytes. */
static size_t word(const char *s, size_t *bytes) {
    size_t columns = 0, at = 0;
    while (s[at] && s[at] != ' ') {
        size_t n = character(s + at);
        at += n ? n : 1;
        columns++;
    }
    *bytes = at;
    return columns;
}

/* Prints text from column `*at` on, wrapped at `width` with `indent` blanks. */
static void wrap(FILE *to, const char *text, size_t *at, size_t indent, size_t width) {
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
            size_t n = character(text + i);
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

static const char *verdict_words(const char *verdict) {
    /* A skip must not look like anything else. */
    return strcmp(verdict, "not-testable-here") == 0 ? "not testable here" : verdict;
}

static void print_claim(FILE *to, const json_t *claim, size_t width) {
    char held[40], checked[40], counts[90];
    json_int_t total = json_integer_value(json_object_get(claim, "checked"));
    grouped(json_integer_value(json_object_get(claim, "held")), held, sizeof held);
    grouped(total, checked, sizeof checked);
    snprintf(counts, sizeof counts, total > 0 ? "%s/%s" : "-", held, checked);
    const char *verdict = text_of(claim, "verdict");
    bool broken = json_is_true(json_object_get(claim, "broken"));
    fputs("  ", to);
    /* Fixed columns: the fields themselves were checked when they were recorded. */
    fprintf(to, "%-4.8s %-7.23s %-17.17s %15s  ", text_of(claim, "id"), text_of(claim, "device"),
            broken ? "OUR BUG" : verdict_words(verdict), counts);
    size_t indent = 2 + 5 + 8 + 18 + 15 + 2, at = indent;
    if (width < indent + 30) {
        indent = 6;
        at = indent;
        fprintf(to, "\n%*s", (int)indent, "");
    }
    wrap(to, text_of(claim, "statement"), &at, indent, width);
    const char *extra[][2] = {{"range: ", text_of(claim, "range")},
                              {"missing: ", text_of(claim, "reason")}};
    for (size_t k = 0; k < 2; k++) {
        if (!extra[k][1][0])
            continue;
        fprintf(to, "\n%*s", (int)indent, "");
        at = indent;
        wrap(to, extra[k][0], &at, indent, width);
        fputc(' ', to);
        at++;
        wrap(to, extra[k][1], &at, indent, width);
    }
    fputc('\n', to);
}

void verdicts_print(FILE *to, const char *lab, const char *question, const json_t *claims,
                    int width) {
    fprintf(to, "%s: %s\n", lab, question);
    bool simt = false;
    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);
        if (i == 0)
            fprintf(to, "  %-4s %-7s %-17s %15s  %s\n", "", "device", "verdict", "held/checked",
                    "what is true here");
        print_claim(to, claim, width > 0 ? (size_t)width : 100);
        simt = simt || strcmp(text_of(claim, "device"), "simt") == 0;
    }
    char summary[200];
    verdicts_summary(claims, summary, sizeof summary);
    fprintf(to, "  %s\n", summary);
    if (simt)
        fputs("  simt is a simulated GPU: bits, no timings\n", to);
}

void verdicts_summary(const json_t *claims, char *out, size_t size) {
    static const char *const verdicts[] = {"confirmed", "refuted", "bounded", "not-testable-here"};
    size_t used = 0, broken = 0;
    out[0] = '\0';
    for (size_t v = 0; v < 4; v++) {
        size_t count = 0;
        for (size_t i = 0; i < json_array_size(claims); i++) {
            const json_t *claim = json_array_get(claims, i);
            bool is_broken = json_is_true(json_object_get(claim, "broken"));
            if (v == 0)
                broken += is_broken;
            if (!is_broken && strcmp(text_of(claim, "verdict"), verdicts[v]) == 0)
                count++;
        }
        if (count > 0 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%zu %s", used ? ", " : "", count,
                                     verdict_words(verdicts[v]));
    }
    if (broken > 0 && used < size)
        used += (size_t)snprintf(out + used, size - used, "%s%zu broken by our bug",
                                 used ? ", " : "", broken);
    if (used == 0)
        snprintf(out, size, "no verdicts");
}

bool verdicts_broken(const json_t *claims) {
    for (size_t i = 0; i < json_array_size(claims); i++)
        if (json_is_true(json_object_get(json_array_get(claims, i), "broken")))
            return true;
    return false;
}

size_t verdicts_print_broken(FILE *to, const char *program, const json_t *claims,
                             const char *folder) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);
        if (!json_is_true(json_object_get(claim, "broken")))
            continue;
        fprintf(to,
                "%s: our bug: a predicted bit of %.8s on %.23s did not hold (%lld of %lld did); "
                "please report it with the folder %s\n",
                program, text_of(claim, "id"), text_of(claim, "device"),
                (long long)json_integer_value(json_object_get(claim, "held")),
                (long long)json_integer_value(json_object_get(claim, "checked")), folder);
        count++;
    }
    return count;
}

int verdicts_width(int fd) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 100;
}
