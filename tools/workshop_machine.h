/*
 * workshop_machine.h: of `nanolab workshop`: the machine itself: room, processors, what spoils
 * times, devices. Not a header for others: workshop.c is its only reader.
 */
#ifndef NANOLAB_TOOLS_WORKSHOP_MACHINE_H
#define NANOLAB_TOOLS_WORKSHOP_MACHINE_H

#define MIB (1024.0 * 1024.0)

/* So much is written for trial: many times what one lab in quick mode leaves. */
#define ROOM_TRIED ((size_t)64 << 20)
/* Lab 01 in quick mode took 853 MiB on two cores, lab 00 526. */
#define MEMORY_NEEDED (1024 * MIB)

/* Writes a file of ROOM_TRIED bytes in pieces, to the disk itself. 0, or errno. */
static int fill_file(int folder, const char *name) {
    size_t piece = 1 << 20;
    char *data = malloc(piece);
    int fd = data ? openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    int error = !data ? ENOMEM : fd < 0 ? errno : 0;
    if (data)
        memset(data, 0x5a, piece);
    for (size_t done = 0; error == 0 && done < ROOM_TRIED && !stop_signal; done += piece)
        error = folder_write_all(fd, data, piece) != 0 ? errno : 0;
    if (error == 0 && fsync(fd) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    free(data);
    return error;
}

/* A result folder is made by rename; so here. */
static void try_results(struct workshop *w) {
    struct trial *t = trial_begin(w, "the machine", "result folder");
    char made[FOLDER_PATH], new[FOLDER_PATH + 8];
    struct statvfs about;
    snprintf(t->without, sizeof t->without, "no lab can run");
    int had = access(w->out, F_OK) == 0;
    int error = !had && mkdir(w->out, 0777) != 0 ? errno : 0;
    snprintf(made, sizeof made, "%.4000s/nanolab-workshop-XXXXXX", w->out);
    int inside = -1;
    if (error == 0 && (!mkdtemp(made) || (inside = open(made, O_RDONLY | O_DIRECTORY)) < 0))
        error = errno;
    if (error == 0) {
        stop_folder(made);
        error = fill_file(inside, "room");
        unlinkat(inside, "room", 0);
        snprintf(new, sizeof new, "%s-2", made);
        if (error == 0 && rename(made, new) != 0)
            error = errno;
        rmdir(error == 0 ? new : made);
        stop_forget_folder(made);
    }
    if (inside >= 0)
        close(inside);
    double free_gib = statvfs(w->out, &about) == 0
                          ? (double)about.f_bavail * (double)about.f_frsize / 1024 / MIB
                          : 0;
    if (!had)
        rmdir(w->out);
    if (error) {
        trial_say(w, t, FAILS, "%s: %s", w->out, strerror(error));
        snprintf(t->mend, sizeof t->mend, "%s",
                 error == ENOSPC || error == EDQUOT
                     ? "free 64 MiB, or choose another folder: nanolab run --out DIR"
                     : "choose a folder that you may write to: nanolab run --out DIR");
    } else
        trial_say(w, t, WORKS, "%.0f MiB written to %s, renamed and removed; %.1f GiB are free",
                  (double)ROOM_TRIED / MIB, w->out, free_gib);
}

/* MemAvailable, in bytes; negative where the kernel does not tell. */
static double memory_available(void) {
    FILE *file = fopen("/proc/meminfo", "re");
    char line[200];
    double kib = -1;
    while (file && kib < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lf kB", &kib) != 1)
            kib = -1;
    if (file)
        fclose(file);
    return kib < 0 ? -1 : 1024 * kib;
}

static void try_memory(struct workshop *w) {
    struct trial *t = trial_begin(w, "the machine", "memory");
    double bytes = memory_available();
    snprintf(t->without, sizeof t->without, "the kernel may end a lab");
    if (bytes < 0)
        trial_say(w, t, BEWARE, "/proc/meminfo does not say how much is free");
    else
        trial_say(w, t, bytes < MEMORY_NEEDED ? BEWARE : WORKS, "%.0f MiB are free, labs want %.0f",
                  bytes / MIB, MEMORY_NEEDED / MIB);
    if (t->answer == BEWARE)
        snprintf(t->mend, sizeof t->mend, "close other programs; browsers first");
}

static void try_processors(struct workshop *w, const json_t *machine) {
    struct trial *t = trial_begin(w, "the machine", "processors");
    const json_t *cpu = json_object_get(machine, "cpu");
    long long threads = json_integer_value(json_object_get(cpu, "allowed_threads"));
    snprintf(t->without, sizeof t->without, "claims about several threads are not testable here");
    if (threads < 2) {
        trial_say(w, t, BEWARE, "%lld processor for this process", threads);
        snprintf(t->mend, sizeof t->mend,
                 "give the virtual machine or container two, or start without taskset");
    } else
        trial_say(w, t, WORKS, "%lld, %s", threads,
                  json_string_value(json_object_get(cpu, "model"))
                      ? json_string_value(json_object_get(cpu, "model"))
                      : "of a model that does not tell its name");
}

/* What a result folder would warn of, in its own words. */
static void try_quiet(struct workshop *w, const json_t *machine) {
    json_t *warnings = provenance_warnings(machine), *warning;
    size_t k;
    json_array_foreach(warnings, k, warning) {
        const char *field = json_string_value(json_object_get(warning, "field"));
        const char *problem = json_string_value(json_object_get(warning, "problem"));
        const char *advice = json_string_value(json_object_get(warning, "advice"));
        struct trial *t = trial_begin(w, "the machine", "%s", field ? field : "?");
        snprintf(t->without, sizeof t->without, "times are uncertain; bits are not touched");
        trial_say(w, t, BEWARE, "%s", problem ? problem : "?");
        snprintf(t->mend, sizeof t->mend, "%s", advice ? advice : "");
    }
    json_decref(warnings);
}

static void try_machine(struct workshop *w) {
    json_t *machine = provenance_machine();
    try_processors(w, machine);
    try_memory(w);
    try_results(w);
    try_quiet(w, machine);
    json_decref(machine);
}

/* --- devices: a sum of 16 numbers on each, whose tree is recovered from its results ----------- */

static void try_device(struct workshop *w, enum device_kind kind, int index) {
    char id[DEVICE_NAME], reveal[FOLDER_PATH + 32];
    struct tool_end end = {0};
    device_name(kind, index, id);
    snprintf(reveal, sizeof reveal, "%s/nanolab-reveal", w->bin);
    const char *const argv[] = {reveal, "sum:", "--device", id, "-n", "16", NULL};
    struct trial *t = trial_begin(w, "devices", "device %s", id);
    if (attempt(w, 2 * TOOL_SECONDS, argv, "", &end, NULL) != 0)
        trial_say(w, t, FAILS, "%s", error_text());
    else if (end.status != 0)
        trial_say(w, t, FAILS, "%s", *end.complaint ? end.complaint : "a sum could not be run");
    else
        trial_say(w, t, WORKS, "a sum ran, and its tree was found%s",
                  device_simulated(kind) ? "; bits, no times" : "");
    if (t->answer == FAILS)
        snprintf(t->mend, sizeof t->mend, "leave it out: nanolab run --device cpu,simt");
}

static void try_devices(struct workshop *w) {
    static const char *const without[DEVICE_KINDS] = {
        [DEVICE_CPU] = "nothing can be timed",
        [DEVICE_SIMT] = "no simulated GPU: no bits of kernels without a GPU",
        [DEVICE_PTX] = "no bits of what nvcc made; nobody in a class needs it",
        [DEVICE_SASS] = "no bits of machine code; nobody in a class needs it",
        [DEVICE_CUDA] = "GPU parts are simulated: bits, no times of a GPU",
    };
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        int count = device_count((enum device_kind)kind);
        bool needed = kind == DEVICE_CPU || kind == DEVICE_SIMT;
        for (int index = 0; index < count; index++) {
            try_device(w, (enum device_kind)kind, index);
            snprintf(w->trials[w->count - 1].without, sizeof w->trials[0].without, "%s",
                     without[kind]);
        }
        if (count > 0)
            continue;
        struct trial *t =
            trial_begin(w, "devices", "device %s", device_kind_name((enum device_kind)kind));
        snprintf(t->without, sizeof t->without, "%s", without[kind]);
        trial_say(w, t, needed ? FAILS : NOT_HERE, "%s", device_error());
    }
}

/* Lab 05's ranks. Twenty steps with a sum in each, by two ranks. */
static void try_engines(struct workshop *w) {
    static const enum ranks_engine engines[] = {RANKS_OPENMPI, RANKS_SMPI};
    for (size_t k = 0; k < sizeof engines / sizeof *engines; k++) {
        char why[RANKS_WHY] = "", version[64];
        struct ranks_plan plan = ranks_plan_default(engines[k], 2);
        struct ranks_control control = {0};
        struct ranks_log log = {0};
        struct ranks_failure failure;
        struct trial *t = trial_begin(w, "devices", "ranks by %s", ranks_engine_name(engines[k]));
        snprintf(t->without, sizeof t->without, "lab 05 says what it did not test, and why");
        if (ranks_engine_check(engines[k], why) != 0) {
            trial_say(w, t, NOT_HERE, "%s", why);
            snprintf(t->mend, sizeof t->mend, "make engines");
        } else if (ranks_run(&plan, &control, &log, &failure, why) != 0)
            trial_say(w, t, FAILS, "%s", why);
        else {
            trial_say(w, t, WORKS, "2 ranks under %s summed in each of 20 steps",
                      ranks_engine_version(engines[k], version));
            ranks_log_close(&log);
        }
    }
}

#endif
