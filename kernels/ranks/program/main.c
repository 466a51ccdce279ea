/*
 * main.c: a rank from its plan to the log. Rank 0 reads the plan and writes the log; the others
 * need nothing but this program, so they can be on machines that do not have the folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mpi.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/ranks/program/program.h"

int program_says(const struct program *p, const char *what, const char *format, ...) {
    char text[RANKS_WHY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* In one piece: all ranks write to the same place. */
    fprintf(stderr, "%s%u step %" PRId64 " %s: %s\n", RANKS_SAYS, p->rank, p->state->step, what,
            text);
    fflush(stderr);
    return -1;
}

static bool is_wait(enum ranks_doing doing) {
    return doing == RANKS_SCHEDULING || doing == RANKS_SUMMING || doing == RANKS_OUTER ||
           doing == RANKS_ELSEWHERE || doing == RANKS_GATHERING;
}

void program_does(struct program *p, enum ranks_doing doing) {
    p->state->doing = (int32_t)doing;
    atomic_store_explicit(&p->waits_since, is_wait(doing) ? program_monotonic_ns() : 0,
                          memory_order_relaxed);
}

/* Its place in the file of states, where that is; elsewhere nobody sees it. */
static void map_state(struct program *p) {
    char path[4096];
    size_t bytes = p->plan.ranks * sizeof(struct ranks_state);
    struct stat status;
    snprintf(path, sizeof path, "%s/state", p->folder);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file >= 0 && fstat(file, &status) == 0 && (size_t)status.st_size == bytes) {
        void *states = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (states != MAP_FAILED)
            p->state = (struct ranks_state *)states + p->rank;
    }
    if (file >= 0)
        close(file);
    *p->state = (struct ranks_state){.step = -1, .doing = RANKS_STARTING, .pid = (int32_t)getpid()};
}

static int read_plan(struct program *p) {
    char path[4096], why[RANKS_WHY];
    snprintf(path, sizeof path, "%s/plan", p->folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return program_says(
            p, "failed",
            "cannot open %.200s: %s; where rank 0 is on another machine, TMPDIR has "
            "to be a folder that both share",
            path, strerror(errno));
    int status = ranks_plan_read(file, &p->plan, why);
    fclose(file);
    return status == 0 ? 0 : program_says(p, "failed", "%s", why);
}

static int get_plan(struct program *p) {
    int ranks, status = p->rank == 0 ? read_plan(p) : 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (status == 0 && p->rank == 0 && p->plan.ranks != (unsigned)ranks)
        status = program_says(
            p, "failed",
            "%d ranks were started for a plan of %u; if what starts them is another MPI's, "
            "let NANOLAB_MPIRUN be Open MPI's mpirun",
            ranks, p->plan.ranks);
    if (status == 0 && MPI_Bcast(&p->plan, sizeof p->plan, MPI_BYTE, 0, MPI_COMM_WORLD) != 0)
        status = program_says(p, "failed", "cannot broadcast the plan");
    return status;
}

/* --- the log ----------------------------------------------------------------------------------
 */

static int cannot_write(const struct program *p, const char *what) {
    return program_says(p, "failed", "cannot write %s: %s", what, strerror(errno));
}

/* Counted by the first rank on each; rank 0 has the sum. */
static int count_machines(const struct program *p, uint32_t *machines) {
    *machines = 1;
#ifndef RANKS_SIMULATED /* where each rank has a host of its own, and all are in one process */
    MPI_Comm here;
    int place = 0;
    if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here) !=
        MPI_SUCCESS)
        return program_says(p, "failed", "cannot ask which ranks share a machine");
    MPI_Comm_rank(here, &place);
    MPI_Comm_free(&here);
    uint32_t first = place == 0;
    if (MPI_Reduce(&first, machines, 1, MPI_UINT32_T, MPI_SUM, 0, MPI_COMM_WORLD) != MPI_SUCCESS)
        return program_says(p, "failed", "cannot count the machines");
#else
    (void)p;
#endif
    return 0;
}

static int open_log(struct program *p) {
    char path[4096];
    struct ranks_file head = {.ranks = p->plan.ranks,
                              .step_bytes = sizeof(struct ranks_step),
                              .cell_bytes = sizeof(struct ranks_cell)};
    memcpy(head.magic, RANKS_MAGIC, sizeof head.magic);
    if (count_machines(p, &head.machines) != 0)
        return -1;
    if (p->rank != 0)
        return 0;
    snprintf(path, sizeof path, "%s/log", p->folder);
    p->log = fopen(path, "wb");
    if (!p->log || fwrite(&head, sizeof head, 1, p->log) != 1 || fflush(p->log) != 0)
        return cannot_write(p, "the log");
    return 0;
}

static int write_output(const struct program *p, const struct chunk *chunk) {
    char path[4096];
    snprintf(path, sizeof path, "%s/output-%u", p->folder, chunk->arm);
    FILE *file = fopen(path, "wb");
    bool written =
        file && fwrite(chunk->output, 1, chunk->step[0].bytes, file) == chunk->step[0].bytes;
    if (file && fclose(file) != 0)
        written = false;
    return written ? 0 : cannot_write(p, "a result");
}

/* all[ranks × steps], a rank's steps together. */
static int write_chunk(const struct program *p, const struct chunk *chunk,
                       const struct ranks_cell *all) {
    bool written = true;
    for (unsigned k = 0; k < p->plan.steps; k++) {
        written = written && fwrite(&chunk->step[k], sizeof *chunk->step, 1, p->log) == 1;
        for (unsigned r = 0; r < p->plan.ranks; r++)
            written =
                written && fwrite(&all[(size_t)r * p->plan.steps + k], sizeof *all, 1, p->log) == 1;
    }
    /* It is checked chunk by chunk, so that a full disk is not noticed at the end only. */
    if (fflush(p->log) != 0 || !written)
        return cannot_write(p, "the log");
    return chunk->output ? write_output(p, chunk) : 0;
}

/* --- all rounds ------------------------------------------------------------------------------- */

static int gather(struct program *p, const struct chunk *chunk, struct ranks_cell *all) {
    int bytes = (int)(p->plan.steps * sizeof *all); /* < 2 GiB by RANKS_STEPS_MOST */
    program_does(p, RANKS_GATHERING);
    if (MPI_Gather(chunk->cell, bytes, MPI_BYTE, all, bytes, MPI_BYTE, 0, MPI_COMM_WORLD) != 0)
        return program_says(p, "failed", "cannot gather the log");
    program_does(p, RANKS_WRITING);
    return p->rank == 0 ? write_chunk(p, chunk, all) : 0;
}

static int run_arm(struct program *p, struct chunk *chunk, struct ranks_cell *all) {
    const struct ranks_arm *arm = &p->plan.arm[chunk->arm];
    float *kept = chunk->output;
    memset(chunk->cell, 0, p->plan.steps * sizeof *chunk->cell);
    if (p->rank != 0 || chunk->round != 0 || !arm->keep_output)
        chunk->output = NULL;
    int status = program_steps(p, chunk);
    if (status == 0)
        status = gather(p, chunk, all);
    chunk->output = kept;
    return status;
}

static uint64_t most_bytes(const struct ranks_plan *plan) {
    uint64_t most = plan->serves ? plan->row_bytes * serving_calm(0).batch_most : 0;
    for (unsigned k = 0; k < plan->arms; k++)
        most = plan->arm[k].bytes > most ? plan->arm[k].bytes : most;
    return most;
}

static int run_rounds(struct program *p) {
    const struct ranks_plan *plan = &p->plan;
    uint64_t bytes = most_bytes(plan);
    unsigned order[RANKS_ARMS_MOST];
    struct chunk chunk = {.step = calloc(plan->steps, sizeof *chunk.step),
                          .cell = calloc(plan->steps, sizeof *chunk.cell),
                          .output = p->rank == 0 ? malloc(bytes) : NULL,
                          .scratch = malloc(bytes)};
    struct ranks_cell *all =
        p->rank == 0 ? calloc((size_t)plan->steps * plan->ranks, sizeof *all) : NULL;
    int status = 0;
    if (!chunk.step || !chunk.cell || !chunk.scratch || (p->rank == 0 && (!all || !chunk.output)))
        status = program_says(p, "failed", "no memory for %u steps", plan->steps);
    for (chunk.round = 0; chunk.round < plan->rounds && status == 0; chunk.round++) {
        ranks_order(plan, chunk.round, order);
        for (unsigned k = 0; k < plan->arms && status == 0; k++) {
            chunk.arm = order[k];
            status = run_arm(p, &chunk, all);
        }
    }
    free(chunk.step);
    free(chunk.cell);
    free(chunk.output);
    free(chunk.scratch);
    free(all);
    return status;
}

static int run(struct program *p) {
    if (get_plan(p) != 0)
        return -1;
    map_state(p);
    ranges_open(&p->ranges);
    p->ops = &collective_mpi;
#ifndef RANKS_SIMULATED
    if (p->plan.engine == RANKS_NCCL)
        p->ops = &collective_nccl;
    if (program_watch(p) != 0 || gemm_open(p) != 0)
        return -1;
#endif
    int status = open_log(p);
    if (status == 0 && p->ops->open(p, most_bytes(&p->plan)) == 0) {
        status = run_rounds(p);
        p->ops->close(p);
    } else {
        status = -1;
    }
#ifndef RANKS_SIMULATED
    gemm_close(p);
#endif
    if (p->log && fclose(p->log) != 0 && status == 0)
        status = cannot_write(p, "the log");
    return status;
}

#ifdef __SANITIZE_ADDRESS__
/* Asked by the sanitiser at the end: Open MPI gives little back of what it took. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return 1;
}
#endif

int main(int argc, char **argv) {
    struct program p = {.own = {.step = -1}};
    int rank, level; /* any will do: the thread that watches calls nothing of MPI */
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return MPI_Get_library_version(library, &level) == MPI_SUCCESS && puts(library) >= 0 ? 0
                                                                                             : 1;
    if (argc != 2) {
        fprintf(stderr, "%s: is started by nanolab, with a folder\n", argv[0]);
        return 2;
    }
    /* No rank outlives who started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns: who sleeps wakes in time */
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
        return 1;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    p.folder = argv[1];
    p.rank = (unsigned)rank;
    p.state = &p.own;
    /* Others wait for this one: only an abort ends them. */
    if (run(&p) != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    program_does(&p, RANKS_DONE);
    MPI_Finalize();
    return 0;
}
