/*
 * workshop_labs.h: of `nanolab workshop`: the labs and their exercises. Not a header for others:
 * workshop.c is its only reader.
 */
#ifndef NANOLAB_TOOLS_WORKSHOP_LABS_H
#define NANOLAB_TOOLS_WORKSHOP_LABS_H

/* A lab in quick mode takes a minute on two idle cores. */
#define LAB_SECONDS 900 /* by the clock: a busy machine is no failing lab */
#define EXERCISE_SECONDS 60

static const char *lab_text(const json_t *lab, const char *name) {
    const char *text = json_string_value(json_object_get(lab, name));
    return text ? text : "";
}

/* --- exercises --------------------------------------------------------------------------------
 */

/* One answer to one exercise, as `make exercise-NN` checks it. What it was judged by its exit
 * status, or -1 with a line in error_text(). */
static int judge(struct workshop *w, const char *lab, const char *exercise, const char *answer,
                 struct tool_end *end) {
    char check[2 * FOLDER_PATH], file[2 * FOLDER_PATH];
    const char *const argv[] = {check, exercise, file, NULL};
    snprintf(check, sizeof check, "%s/labs/%s/exercise/check", w->home, lab);
    snprintf(file, sizeof file, "%s/labs/%s/exercise/%s", w->home, lab, answer);
    *end = (struct tool_end){0};
    return attempt(w, EXERCISE_SECONDS, argv, "bash", end, NULL) == 0 ? end->status : -1;
}

/* The solution must pass, and a wrong answer must not. */
static void try_exercise(struct workshop *w, const char *lab, const char *exercise,
                         const char *solution, const char *wrong) {
    struct tool_end end;
    struct trial *t = trial_begin(w, "exercises", "%.2s %s", lab, exercise);
    snprintf(t->without, sizeof t->without, "leave this exercise out");
    int status = judge(w, lab, exercise, solution, &end);
    if (status != 0) {
        trial_say(w, t, FAILS, "its own solution is not accepted: %s",
                  status < 0       ? error_text()
                  : *end.complaint ? end.complaint
                                   : "see the check's own words");
    } else if (wrong && !w->fast && (status = judge(w, lab, exercise, wrong, &end)) != 1) {
        trial_say(w, t, FAILS, "%s is not rejected: %s", wrong,
                  status < 0 ? error_text() : "it passed");
    } else {
        trial_say(w, t, WORKS, "the solution passes%s",
                  wrong && !w->fast ? ", a wrong one does not" : "");
        return;
    }
    snprintf(t->mend, sizeof t->mend, "labs/%.64s/exercise/check %.64s", lab, exercise);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

#define ENTRIES_MOST 64

/* Plain names in a folder of the lab's exercise, sorted; how many. Freed by the caller. */
static size_t entries(const struct workshop *w, const char *lab, const char *folder,
                      char *names[ENTRIES_MOST]) {
    char path[2 * FOLDER_PATH];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/labs/%s/exercise/%s", w->home, lab, folder);
    DIR *list = opendir(path);
    for (struct dirent *entry; list && count < ENTRIES_MOST && (entry = readdir(list));)
        if (folder_name_is_plain(entry->d_name) && (names[count] = strdup(entry->d_name)))
            count++;
    if (list)
        closedir(list);
    qsort(names, count, sizeof *names, by_text);
    return count;
}

static void try_exercises_of(struct workshop *w, const char *lab) {
    char *solutions[ENTRIES_MOST], *wrongs[ENTRIES_MOST];
    size_t count = entries(w, lab, "solution", solutions), wrong = entries(w, lab, "wrong", wrongs);
    for (size_t k = 0; k < count && !(w->fast && k > 0) && !stop_signal; k++) {
        size_t length = strcspn(solutions[k], ".");
        char name[64], solution[300], bad[300] = "";
        snprintf(name, sizeof name, "%.*s", (int)length, solutions[k]);
        snprintf(solution, sizeof solution, "solution/%.200s", solutions[k]);
        for (size_t i = 0; i < wrong && !*bad; i++)
            if (strncmp(wrongs[i], solutions[k], length + 1) == 0)
                snprintf(bad, sizeof bad, "wrong/%.200s", wrongs[i]);
        try_exercise(w, lab, name, solution, *bad ? bad : NULL);
    }
    for (size_t k = 0; k < count; k++)
        free(solutions[k]);
    for (size_t k = 0; k < wrong; k++)
        free(wrongs[k]);
}

/* --- labs -------------------------------------------------------------------------------------
 */

static size_t claims_with(const json_t *claims, const char *verdict) {
    size_t count = 0;
    for (size_t k = 0; k < json_array_size(claims); k++)
        count += strcmp(lab_text(json_array_get(claims, k), "verdict"), verdict) == 0;
    return count;
}

/* The verdicts of a lab that was run, in one line. */
static void say_verdicts(struct workshop *w, struct trial *t, const char *text,
                         const struct tool_end *end) {
    json_t *said = json_loads(text ? text : "", 0, NULL);
    const json_t *lab = json_array_get(json_object_get(said, "labs"), 0);
    const json_t *claims = json_object_get(lab, "claims");
    trial_say(w, t, claims ? WORKS : FAILS,
              "%zu claims: %zu confirmed, %zu refuted, %zu bounded, %zu not testable here; "
              "%.0f s, %.0f s of processor, %.0f MiB of memory",
              json_array_size(claims), claims_with(claims, "confirmed"),
              claims_with(claims, "refuted"), claims_with(claims, "bounded"),
              claims_with(claims, "not-testable-here"), end->seconds, end->cpu_seconds,
              (double)end->memory_bytes / MIB);
    json_decref(said);
}

/* In quick mode, into the private folder. */
static void try_lab(struct workshop *w, const char *lab) {
    char nanolab[FOLDER_PATH + 16], out[2 * FOLDER_PATH], *text = NULL;
    struct tool_end end = {0};
    const char *const argv[] = {nanolab, "run", lab, "--quick", "--json", "--out", out, NULL};
    snprintf(nanolab, sizeof nanolab, "%s/nanolab", w->bin);
    snprintf(out, sizeof out, "%s/%s", w->folder, lab);
    struct trial *t = trial_begin(w, "labs, quick", "%s", lab);
    snprintf(t->without, sizeof t->without,
             "leave this lab out, or show the page of an earlier run");
    int status = attempt(w, LAB_SECONDS, argv, "", &end, &text);
    if (stop_signal)
        trial_say(w, t, BEWARE, "stopped before it was done");
    else if (status != 0)
        trial_say(w, t, FAILS, "%s", error_text());
    else if (end.status == EXIT_DONE)
        say_verdicts(w, t, text, &end);
    else
        trial_say(w, t, end.status == EXIT_SKIPPED ? NOT_HERE : FAILS, "exit status %d: %s",
                  end.status, end.complaint);
    if (t->answer == FAILS)
        snprintf(t->mend, sizeof t->mend, "build/bin/nanolab run %.2s --quick", lab);
    free(text);
}

static bool lab_is_named(const char *word, const char *lab) {
    return strncmp(word, lab, 2) == 0 && (!word[2] || strcmp(word, lab) == 0);
}

static bool lab_is_asked(const struct workshop *w, const char *lab) {
    bool asked = w->lab_count == 0;
    for (size_t k = 0; k < w->lab_count; k++)
        asked |= lab_is_named(w->labs[k], lab);
    return asked;
}

/* Labs say of themselves what they are; so one that does not start is found even in the fast form.
 * -1 with a trial that says why there are none. */
static int list_labs(struct workshop *w) {
    char nanolab[FOLDER_PATH + 16], *text = NULL;
    struct tool_end end = {0};
    const char *const argv[] = {nanolab, "list", "--json", NULL};
    snprintf(nanolab, sizeof nanolab, "%s/nanolab", w->bin);
    struct trial *t = trial_begin(w, "labs", "labs start");
    snprintf(t->without, sizeof t->without, "nothing can be shown");
    int status = attempt(w, TOOL_SECONDS, argv, "", &end, &text);
    w->list = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (status == 0 && end.status == 0 && json_array_size(w->list) > 0) {
        trial_say(w, t, WORKS, "all %zu", json_array_size(w->list));
        return 0;
    }
    trial_say(w, t, FAILS, "%s",
              status != 0      ? error_text()
              : *end.complaint ? end.complaint
                               : "there are none");
    snprintf(t->mend, sizeof t->mend, "%s", w->source ? "make" : "unpack the archive again");
    return json_array_size(w->list) > 0 ? 0 : -1;
}

static void try_labs(struct workshop *w) {
    const json_t *lab;
    size_t k;
    if (list_labs(w) != 0)
        return;
    for (size_t i = 0; i < w->lab_count; i++) {
        bool known = false;
        json_array_foreach(w->list, k, lab) {
            known |= lab_is_named(w->labs[i], lab_text(lab, "name"));
        }
        if (!known)
            trial_say(w, trial_begin(w, "labs", "%s", w->labs[i]), FAILS,
                      "there is no such lab; see nanolab list");
    }
    json_array_foreach(w->list, k, lab) {
        const char *name = lab_text(lab, "name");
        if (lab_is_asked(w, name) && *w->home && !stop_signal)
            try_exercises_of(w, name);
    }
    json_array_foreach(w->list, k, lab) {
        const char *name = lab_text(lab, "name");
        if (lab_is_asked(w, name) && !w->fast && !stop_signal)
            try_lab(w, name);
    }
}

#endif
