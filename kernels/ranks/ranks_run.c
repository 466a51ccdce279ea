/*
 * ranks_run.c: one run: a folder that nobody else can read, the engine on it, the log, and the
 * folder gone again, however it ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/ranks/ranks_inside.h"

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)status, (void)type, (void)where;
    remove(path);
    return 0;
}

static int make_folder(char *path, size_t size, char *why) {
    const char *base = getenv("TMPDIR");
    int length = snprintf(path, size, "%s/nanolab-ranks-XXXXXX", base && *base ? base : "/tmp");
    if (length < (int)size && mkdtemp(path))
        return 0;
    snprintf(why, RANKS_WHY, "no folder in %.200s: %s", base && *base ? base : "/tmp",
             length < (int)size ? strerror(errno) : "its name is too long");
    return -1;
}

/* The plan, and a state for every rank, which says that it has not started. */
static int fill_folder(const char *folder, const struct ranks_plan *plan, char *why) {
    char path[4096];
    snprintf(path, sizeof path, "%s/plan", folder);
    FILE *file = fopen(path, "w");
    int status = file ? ranks_plan_write(plan, file) : -1;
    if (file && fclose(file) != 0)
        status = -1;
    snprintf(path, sizeof path, "%s/state", folder);
    int state = status == 0 ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (state >= 0) {
        /* Of real blocks: a write to a mapped hole on a full disk is a signal. */
        errno = posix_fallocate(state, 0, (off_t)(plan->ranks * sizeof(struct ranks_state)));
        status = errno == 0 ? 0 : -1;
        close(state);
    }
    if (state >= 0 && status == 0)
        return 0;
    snprintf(why, RANKS_WHY, "cannot write %.200s: %s", path, strerror(errno));
    return -1;
}

int ranks_run(const struct ranks_plan *plan, const struct ranks_control *control,
              struct ranks_log *log, struct ranks_failure *failure, char *why) {
    static const struct ranks_control nobody = {NULL};
    struct ranks_failure unasked;
    char folder[3900];
    double wall_s = 0, peak_bytes = 0;
    failure = failure ? failure : &unasked;
    *failure = (struct ranks_failure){.rank = -1, .step = -1, .doing = ""};
    *log = (struct ranks_log){0};
    if (ranks_plan_check(plan, why) != 0 || ranks_engine_check(plan->engine, why) != 0 ||
        make_folder(folder, sizeof folder, why) != 0)
        return -1;
    int status = fill_folder(folder, plan, why);
    if (status == 0)
        status = ranks_start(plan, folder, control ? control : &nobody, &wall_s, &peak_bytes,
                             failure, why);
    if (status == 0)
        status = ranks_log_read(folder, plan, log, why);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (status == 0)
        log->wall_s = wall_s, log->peak_bytes = peak_bytes;
    return status;
}
