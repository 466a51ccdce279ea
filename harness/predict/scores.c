/*
 * scores.c: see scores.h.
 */
#include "harness/predict/scores.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/screen.h"
#include "harness/text.h"

#define INDENT 6

static int score_one(struct scores *s, const json_t *answer, const struct checked_lab *lab) {
    const char *id = json_string_value(json_object_get(answer, "id"));
    const struct question *q = questions_find(&s->questions, id);
    struct scores_row *row = &s->rows[s->count];
    if (!q) {
        s->unknown++;
        return 0;
    }
    *row = (struct scores_row){.question = q, .guess = guess_of_json(q, answer)};
    if (measured_find(q, lab, &row->measured) != 0)
        return -1;
    row->scored = score_of(q, &row->guess, &row->measured);
    s->counts[row->scored.score]++;
    s->count++;
    return 0;
}

int scores_make(struct scores *s, const json_t *entry, const struct checked_lab *lab) {
    memset(s, 0, sizeof *s);
    snprintf(s->lab, sizeof s->lab, "%s", lab->name);
    if (questions_open(&s->questions, lab->name) != 0)
        return -1;
    const char *asked = json_string_value(json_object_get(entry, "asked"));
    const char *started = json_string_value(json_object_get(lab->reader->start, "started"));
    snprintf(s->asked, sizeof s->asked, "%s", asked ? asked : "");
    s->late = asked && started && strcmp(asked, started) > 0;
    /* In the order in which they are asked, whatever the file's is. */
    for (size_t k = 0; k < s->questions.count; k++) {
        const json_t *answer = predictions_answer(entry, s->questions.list[k].id);
        if (answer && score_one(s, answer, lab) != 0)
            return -1;
    }
    s->unknown = json_array_size(json_object_get(entry, "answers")) - s->count;
    return 0;
}

void scores_close(struct scores *s) {
    questions_close(&s->questions);
    memset(s, 0, sizeof *s);
}

const char *scores_summary(const struct scores *s, char out[SCORES_SUMMARY]) {
    const struct {
        size_t count;
        const char *words;
    } parts[] = {
        {s->counts[SCORE_RIGHT], "right"},
        {s->counts[SCORE_NEAR], "close"},
        {s->counts[SCORE_OFF] + s->counts[SCORE_WRONG], "surprising"},
        {s->counts[SCORE_WIDE], "in a wide range"},
        {s->counts[SCORE_OPEN], "not settled"},
        {s->counts[SCORE_NO_ANSWER], "without an answer"},
        {s->counts[SCORE_NOT_MEASURED], "not measured here"},
    };
    size_t used = 0;
    snprintf(out, SCORES_SUMMARY, "no question");
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        if (parts[k].count > 0 && used < SCORES_SUMMARY)
            used += (size_t)snprintf(out + used, SCORES_SUMMARY - used, "%s%zu %s",
                                     used ? ", " : "", parts[k].count, parts[k].words);
    return out;
}

void scores_line(FILE *to, const char *text, size_t at, size_t indent, size_t width) {
    screen_wrap(to, text, &at, indent, width);
    fputc('\n', to);
}

static void print_row(const struct scores_row *row, size_t number, size_t width, FILE *to) {
    char guess[GUESS_TEXT], measured[MEASURED_TEXT], score[SCORE_TEXT];
    char line[GUESS_TEXT + MEASURED_TEXT + 80];
    fprintf(to, "  %2zu  ", number);
    scores_line(to, row->question->text, INDENT, INDENT, width);
    snprintf(line, sizeof line, "you said: %s", guess_text(row->question, &row->guess, guess));
    fprintf(to, "%*s", INDENT, "");
    scores_line(to, line, INDENT, INDENT + 10, width);
    snprintf(line, sizeof line, "measured: %s",
             measured_text(row->question, &row->measured, measured));
    fprintf(to, "%*s", INDENT, "");
    scores_line(to, line, INDENT, INDENT + 10, width);
    snprintf(line, sizeof line, "score:    %s", score_text(&row->scored, score));
    fprintf(to, "%*s%s\n", INDENT, "", line);
    if (score_is_surprise(row->scored.score)) {
        fprintf(to, "%*swhy:      ", INDENT, "");
        scores_line(to, row->question->because, INDENT + 10, INDENT + 10, width);
    }
}

void scores_print(const struct scores *s, size_t width, FILE *to) {
    char summary[SCORES_SUMMARY];
    fprintf(to, "%s: what was predicted, and what was measured\n", s->lab);
    for (size_t k = 0; k < s->count; k++)
        print_row(&s->rows[k], k + 1, width, to);
    fprintf(to, "  %s\n", scores_summary(s, summary));
    if (s->late)
        fputs("  answered after the lab began: that is no prediction\n", to);
    if (s->unknown)
        fprintf(to, "  %zu more of its questions this nanolab does not ask; they are not scored\n",
                s->unknown);
}

static json_t *real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *scores_json(const struct scores *s) {
    char text[MEASURED_TEXT > GUESS_TEXT ? MEASURED_TEXT : GUESS_TEXT];
    json_t *rows = json_array();
    for (size_t k = 0; k < s->count; k++) {
        const struct scores_row *row = &s->rows[k];
        json_t *answer = guess_json(row->question, &row->guess);
        json_t *measured =
            json_pack("{s:o, s:o, s:o, s:o, s:o}", "device", text_json(row->measured.device),
                      "text", text_json(measured_text(row->question, &row->measured, text)),
                      "value", real_or_null(row->question->unit ? row->measured.value : NAN), "low",
                      real_or_null(row->question->unit ? row->measured.low : NAN), "high",
                      real_or_null(row->question->unit ? row->measured.high : NAN));
        json_array_append_new(rows,
                              json_pack("{s:o, s:o, s:s, s:o, s:b}", "answer", answer, "measured",
                                        measured, "score", score_name(row->scored.score), "factor",
                                        real_or_null(row->scored.factor), "surprise",
                                        score_is_surprise(row->scored.score)));
    }
    return json_pack("{s:s, s:s, s:b, s:I, s:o}", "lab", s->lab, "asked", s->asked, "late", s->late,
                     "unknown", (json_int_t)s->unknown, "questions", rows);
}
