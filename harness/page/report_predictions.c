/* report_predictions.c: what was predicted of a lab beside what it measured (report.h). The
 * questions are ours; answers and devices come from the result folder and are escaped. */
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/predict/scores.h"

static void row(const struct scores_row *r, FILE *out) {
    char guess[GUESS_TEXT], measured[MEASURED_TEXT], score[SCORE_TEXT];
    fputs("| ", out);
    escape_inline(out, r->question->text);
    fputs(" | ", out);
    escape_inline(out, guess_text(r->question, &r->guess, guess));
    fputs(" | ", out);
    escape_inline(out, measured_text(r->question, &r->measured, measured));
    fputs(" | ", out);
    escape_inline(out, score_text(&r->scored, score));
    fputs(" |\n", out);
}

static void surprises(const struct scores *s, FILE *out) {
    size_t count = 0;
    for (size_t k = 0; k < s->count; k++) {
        const struct scores_row *r = &s->rows[k];
        char measured[MEASURED_TEXT];
        if (!score_is_surprise(r->scored.score))
            continue;
        fputs(count++ ? "- " : "What surprised, and why it is so:\n\n- ", out);
        escape_inline(out, r->question->text);
        fputs(" ", out);
        escape_strong(out, measured_text(r->question, &r->measured, measured));
        fputs(": ", out);
        escape_inline(out, r->question->because);
        fputc('\n', out);
    }
    fputs(count ? "\n" : "", out);
}

void report_predictions(const struct report *report, const struct report_lab *lab, FILE *out) {
    const json_t *entry = predictions_of(report->checked->predictions, lab->name);
    struct scores s;
    char summary[SCORES_SUMMARY];
    if (!entry)
        return;
    fputs("### Predicted, and measured\n\n", out);
    if (scores_make(&s, entry, lab->checked) != 0) {
        fputs("The predictions could not be scored where this page was made.\n\n", out);
        scores_close(&s);
        return;
    }
    if (s.count)
        fputs("| question | said | measured | score |\n|---|---|---|---|\n", out);
    for (size_t k = 0; k < s.count; k++)
        row(&s.rows[k], out);
    fprintf(out, "%s%s.", s.count ? "\n" : "", scores_summary(&s, summary));
    if (s.late)
        fputs(" **Answered after the lab began: that is no prediction.**", out);
    if (s.unknown)
        fprintf(out, " %zu more of its answers are to questions of another nanolab.", s.unknown);
    fputs("\n\n", out);
    surprises(&s, out);
    scores_close(&s);
}
