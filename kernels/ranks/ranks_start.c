/*
 * ranks_start.c: starts an engine, listens to it, and ends it.
 *
 * No process outlives a run. The engine is told to die with whoever started it, and each rank with
 * the engine (PR_SET_PDEATHSIG), so even a caller that is killed leaves nobody. Otherwise all that
 * is left is found by the program and the run's folder, which are in the command line of each
 * process (or it works there), and killed; that also ends a rank that was stopped.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/ranks/ranks_blame.h"

/* For ranks to say that they waited, too; their watchers look every half second at the latest. */
#define SECONDS_TO_SAY 0.6
/* For an engine to clear up. */
#define SECONDS_TO_END 3.0
#define WORDS_MOST (RANKS_STARTER_WORDS + 32)
#define SETTINGS_MOST 24

struct run {
    const struct ranks_plan *plan;
    const char *folder;
    char program[3100];
    struct ranks_heard heard;
    pid_t pid; /* of the engine; 0: it has ended */
    int status;
    struct rusage used;
    int printed; /* what all of them print */
    double begun, wall_s;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_for(double seconds) {
    struct timespec t = {.tv_nsec = (long)(1e9 * seconds)};
    nanosleep(&t, NULL);
}

/* --- the command -------------------------------------------------------------------------------
 */

struct command {
    char *word[WORDS_MOST];
    size_t words;
    char *setting[SETTINGS_MOST];
    size_t settings;
    char **environment; /* ours, but for what decides an algorithm, and `setting` */
};

static void free_all(char **all, size_t count) {
    for (size_t k = 0; k < count; k++)
        free(all[k]);
}

static void command_close(struct command *c) {
    free_all(c->word, c->words);
    free_all(c->setting, c->settings);
    free(c->environment);
}

/* A NULL among them is noticed at the end. */
__attribute__((format(printf, 2, 3))) static void add_word(struct command *c, const char *format,
                                                           ...) {
    va_list args;
    va_start(args, format);
    if (vasprintf(&c->word[c->words++], format, args) < 0)
        c->word[c->words - 1] = NULL;
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void set(struct command *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (vasprintf(&c->setting[c->settings++], format, args) < 0)
        c->setting[c->settings - 1] = NULL;
    va_end(args);
}

static void settings_openmpi(struct command *c, const struct ranks_plan *plan, const char *folder) {
#define RANKS_OPENMPI_NUMBER(value, word, openmpi, ...) openmpi,
    static const int numbers[] = {RANKS_ALGORITHMS(RANKS_OPENMPI_NUMBER)};
    char shared[300];
    /* In a container there often is no other user. */
    if (geteuid() == 0) {
        set(c, "OMPI_ALLOW_RUN_AS_ROOT=1");
        set(c, "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
    }
    /* What it leaves when it is killed goes with the folder. */
    set(c, "TMPDIR=%s", folder);
    ranks_shared_folder(folder, shared, sizeof shared);
    if (access(shared, W_OK) == 0) {
        set(c, "OMPI_MCA_btl_vader_backing_directory=%s", shared);
        set(c, "OMPI_MCA_btl_sm_backing_directory=%s", shared); /* from version 5 on */
    }
    set(c, "OMPI_MCA_rmaps_base_oversubscribe=1");
    set(c, "OMPI_MCA_hwloc_base_binding_policy=none");
    /* Containers forbid to read another process' memory. */
    set(c, "OMPI_MCA_btl_vader_single_copy_mechanism=none");
    /* A rank that waits lets another one run, where there are too few cores. */
    set(c, "OMPI_MCA_mpi_yield_when_idle=%d", ranks_oversubscribed(plan));
    if (plan->engine == RANKS_NCCL || plan->algorithm == RANKS_DEFAULT)
        return;
    /* Of all components the one that has the algorithms, by the rule that names one. */
    set(c, "OMPI_MCA_coll_tuned_priority=100");
    set(c, "OMPI_MCA_coll_tuned_use_dynamic_rules=1");
    set(c, "OMPI_MCA_coll_tuned_allreduce_algorithm=%d", numbers[plan->algorithm]);
}

static void settings_nccl(struct command *c, const struct ranks_plan *plan) {
#define RANKS_NCCL_NAME(value, word, openmpi, smpi, nccl) nccl,
    static const char *const names[] = {RANKS_ALGORITHMS(RANKS_NCCL_NAME)};
    char forwarded[120] = "";
    size_t used = 0;
    if (names[plan->algorithm]) {
        set(c, "NCCL_ALGO=%s", names[plan->algorithm]);
        used += (size_t)snprintf(forwarded, sizeof forwarded, "NCCL_ALGO;");
    }
    if (plan->channels > 0) {
        set(c, "NCCL_MIN_NCHANNELS=%u", plan->channels);
        set(c, "NCCL_MAX_NCHANNELS=%u", plan->channels);
        snprintf(forwarded + used, sizeof forwarded - used,
                 "NCCL_MIN_NCHANNELS;NCCL_MAX_NCHANNELS;");
    }
    /* To other machines as well. */
    if (forwarded[0])
        set(c, "OMPI_MCA_mca_base_env_list=%s", forwarded);
}

/* Whether a variable of ours would decide what the plan decides. */
static bool is_overruled(const struct command *c, const char *variable) {
    static const char *const dropped[] = {"OMPI_MCA_coll=", "OMPI_MCA_coll_", "NCCL_ALGO=",
                                          "NCCL_PROTO=",    "NCCL_MIN_N",     "NCCL_MAX_N"};
    size_t name = strcspn(variable, "=") + 1;
    for (size_t k = 0; k < sizeof dropped / sizeof *dropped; k++)
        if (strncmp(variable, dropped[k], strlen(dropped[k])) == 0)
            return true;
    for (size_t k = 0; k < c->settings; k++)
        if (c->setting[k] && strncmp(variable, c->setting[k], name) == 0)
            return true;
    return false;
}

static int make_environment(struct command *c) {
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    c->environment = calloc(count + c->settings + 1, sizeof *c->environment);
    for (size_t k = 0; c->environment && k < count; k++)
        if (!is_overruled(c, environ[k]))
            c->environment[kept++] = environ[k];
    for (size_t k = 0; c->environment && k < c->settings; k++)
        c->environment[kept++] = c->setting[k];
    return c->environment ? 0 : -1;
}

/* Names are relative to the folder, where smpirun is started: it splits them at blanks. */
static void words_smpi(struct command *c, const struct ranks_plan *plan, const char *program) {
#define RANKS_SMPI_NAME(value, word, openmpi, smpi, ...) smpi,
    static const char *const names[] = {RANKS_ALGORITHMS(RANKS_SMPI_NAME)};
    /* Pure α + n/β; no time of this machine gets in. The program has no variable that changes, so
     * that ranks can share them; a rank needs little stack. */
    static const char *const settings[] = {
        "network/model:CM02",    "network/latency-factor:1", "network/bandwidth-factor:1",
        "network/TCP-gamma:0",   "network/crosstraffic:0",   "smpi/simulate-computation:no",
        "smpi/privatization:no", "contexts/stack-size:256"};
    add_word(c, "-np");
    add_word(c, "%u", plan->ranks);
    add_word(c, "-platform");
    add_word(c, "cluster.xml");
    add_word(c, "-hostfile");
    add_word(c, "hosts");
    add_word(c, "--log=root.thres:error");
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        add_word(c, "--cfg=%s", settings[k]);
    add_word(c, "--cfg=smpi/allreduce:%s", names[plan->algorithm]);
    add_word(c, "%s", program);
    add_word(c, ".");
}

static int command_open(struct command *c, struct run *run, char *why) {
    const struct ranks_plan *plan = run->plan;
    struct ranks_starter starter;
    *c = (struct command){0};
    if (ranks_program(plan->engine, run->program, sizeof run->program, why) != 0 ||
        ranks_starter_open(&starter, plan->engine, why) != 0)
        return -1;
    for (size_t k = 0; starter.word[k]; k++)
        add_word(c, "%s", starter.word[k]);
    ranks_starter_close(&starter);
    if (plan->engine == RANKS_SMPI) {
        words_smpi(c, plan, run->program);
        set(c, "TMPDIR=."); /* smpirun looks for libraries there, too */
    } else {
        add_word(c, "-n");
        add_word(c, "%u", plan->ranks);
        add_word(c, "%s", run->program);
        add_word(c, "%s", run->folder);
        settings_openmpi(c, plan, run->folder);
    }
    if (plan->engine == RANKS_NCCL)
        settings_nccl(c, plan);
    bool whole = make_environment(c) == 0;
    for (size_t k = 0; k < c->words; k++)
        whole = whole && c->word[k];
    for (size_t k = 0; k < c->settings; k++)
        whole = whole && c->setting[k];
    if (whole)
        return 0;
    snprintf(why, RANKS_WHY, "no memory for a command line");
    command_close(c);
    return -1;
}

/* --- the process -------------------------------------------------------------------------------
 */

/* In the new process; nothing here takes a lock that another thread may have held. */
static void become(const struct command *c, const char *directory, pid_t starter, int printed) {
    static const char failed[] = "it cannot be executed\n";
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        sigaction(s, &standard, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A ^C is for the caller, who ends this then. */
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY);
    if (getppid() != starter || nothing < 0 || dup2(nothing, 0) < 0 || dup2(printed, 1) < 0 ||
        dup2(printed, 2) < 0 || (directory && chdir(directory) != 0))
        _exit(126);
    execve(c->word[0], c->word, c->environment);
    if (write(2, failed, sizeof failed - 1) < 0)
        _exit(126);
    _exit(127);
}

static int start(struct run *run, const struct command *c, char *why) {
    int ends[2];
    pid_t self = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(why, RANKS_WHY, "cannot start %.200s: %s", c->word[0], strerror(errno));
        return -1;
    }
    run->begun = now();
    run->pid = fork();
    if (run->pid == 0)
        become(c, run->plan->engine == RANKS_SMPI ? run->folder : NULL, self, ends[1]);
    int error = errno;
    close(ends[1]);
    run->printed = ends[0];
    fcntl(run->printed, F_SETFL, O_NONBLOCK);
    if (run->pid > 0) {
        setpgid(run->pid, run->pid);
        return 0;
    }
    run->pid = 0;
    close(run->printed);
    snprintf(why, RANKS_WHY, "cannot start %.200s: %s", c->word[0], strerror(error));
    return -1;
}

/* Takes what was printed, however much it is; waits for at most so long. */
static void listen_for(struct run *run, double seconds) {
    char some[4096];
    struct pollfd wait = {.fd = run->printed, .events = POLLIN};
    if (poll(&wait, 1, (int)(1e3 * seconds)) <= 0)
        return;
    ssize_t got = read(run->printed, some, sizeof some);
    if (got > 0)
        ranks_heard_bytes(&run->heard, some, (size_t)got);
    else
        pause_for(seconds); /* all have closed it, and may have something left to do */
}

static bool has_ended(struct run *run) {
    if (run->pid != 0 && wait4(run->pid, &run->status, WNOHANG, &run->used) == run->pid)
        run->pid = 0;
    return run->pid == 0;
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* Whether a process runs the program, or is to, on this run's folder, which is an argument or where
 * it is. One that is being taken down has no arguments any more. */
static bool is_ours(const struct run *run, const char *pid) {
    char path[300], text[16384];
    bool has_program = false, has_folder = false;
    snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : 0;
    if (file >= 0)
        close(file);
    text[length > 0 ? length : 0] = '\0';
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(text + at) + 1) {
        has_program = has_program || strcmp(text + at, run->program) == 0;
        has_folder = has_folder || strcmp(text + at, run->folder) == 0;
    }
    if (length > 0 && (!has_program || has_folder))
        return has_folder && has_program;
    snprintf(path, sizeof path, "/proc/%.20s/cwd", pid);
    length = readlink(path, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    return strcmp(text, run->folder) == 0;
}

/* Kills all of this run but the engine itself, and says how many there were. */
static unsigned kill_ranks(const struct run *run) {
    unsigned count = 0;
    DIR *all = opendir("/proc");
    for (struct dirent *one; all && (one = readdir(all));) {
        pid_t pid = (pid_t)strtol(one->d_name, NULL, 10);
        if (!isdigit((unsigned char)one->d_name[0]) || pid == run->pid || pid == getpid() ||
            !is_ours(run, one->d_name))
            continue;
        kill(pid, SIGKILL);
        count++;
    }
    if (all)
        closedir(all);
    return count;
}

/* The engine is told, and then made, to end; then whoever is left is. */
static void end_all(struct run *run) {
    if (!has_ended(run)) {
        kill_ranks(run);
        kill(-run->pid, SIGTERM);
        kill(-run->pid, SIGCONT);
    }
    for (double until = now() + SECONDS_TO_END; !has_ended(run); listen_for(run, 0.02))
        if (now() > until)
            kill(-run->pid, SIGKILL);
    for (double until = now() + SECONDS_TO_END; kill_ranks(run) > 0 && now() < until;)
        pause_for(0.005);
}

/* What the engine did, for a sentence. */
static void describe_end(const struct run *run, const struct command *c, char *text, size_t size) {
    const char *name = strrchr(c->word[0], '/');
    name = name ? name + 1 : c->word[0];
    if (WIFSIGNALED(run->status))
        snprintf(text, size, "%.60s was killed by signal %d (%s)", name, WTERMSIG(run->status),
                 strsignal(WTERMSIG(run->status)));
    else
        snprintf(text, size, "%.60s ended with exit status %d", name, WEXITSTATUS(run->status));
}

/* --- a run -------------------------------------------------------------------------------------
 */

/* Of a plan that says little of how long it takes: seconds, several times what was seen of a busy
 * machine. */
static double limit_of(const struct ranks_plan *plan) {
    double steps = plan->steps + (double)plan->warmup, ranks = plan->ranks, us = 0;
    bool ring = plan->algorithm == RANKS_RING || plan->algorithm == RANKS_SEGMENTED_RING ||
                plan->algorithm == RANKS_DEFAULT;
    for (unsigned k = 0; k < plan->arms; k++) {
        const struct ranks_arm *arm = &plan->arm[k];
        double step = plan->serves ? 1e5 * fmax(1, plan->cost_scale)
                                   : arm->compute_us + arm->stall_us + 10 * arm->jitter_us;
        if (plan->compute == RANKS_GEMM)
            step += 1e6;
        /* Of a simulation each message takes its time; of processes, turns on a core. */
        us += steps * (plan->engine == RANKS_SMPI
                           ? 250 * ranks * (ring ? 2 * ranks : 2 * (log2(ranks) + 1))
                           : step + 1e3 * ranks + 1e-2 * (double)arm->bytes * ranks);
    }
    return 60 + plan->deadline_s + 5e-6 * plan->rounds * us;
}

static bool is_stopping(const struct ranks_control *control) {
    return control->stopping && control->stopping(control->self);
}

/* Until the engine has ended, or is to be ended: 0: it has, well. */
static int await(struct run *run, const struct ranks_control *control, double limit_s,
                 enum ranks_end *end, bool *stopped) {
    double first_waited = 0;
    for (;; listen_for(run, 0.02)) {
        double at = now();
        bool ended = has_ended(run);
        /* While processes are there; those that are waited for soon are not. */
        if (run->heard.waited && first_waited == 0) {
            ranks_heard_states(&run->heard, run->folder, true);
            first_waited = at;
        }
        *end = first_waited != 0 ? RANKS_DEADLINE : RANKS_ENDED;
        if (ended)
            return run->status == 0 ? 0 : -1;
        if ((*stopped = is_stopping(control)))
            return -1;
        if (first_waited != 0 && at > first_waited + SECONDS_TO_SAY)
            return -1;
        if (at > run->begun + limit_s) {
            ranks_heard_states(&run->heard, run->folder, true);
            *end = RANKS_OVER;
            return -1;
        }
    }
}

static void drain(struct run *run) {
    char some[4096];
    ssize_t got;
    while ((got = read(run->printed, some, sizeof some)) > 0)
        ranks_heard_bytes(&run->heard, some, (size_t)got);
    ranks_heard_bytes(&run->heard, "\n", 1);
}

/* Of a rank 0 on another machine the state is not known. */
static bool has_log(const struct run *run) {
    char path[4096];
    snprintf(path, sizeof path, "%s/log", run->folder);
    return access(path, F_OK) == 0;
}

static int run_engine(struct run *run, const struct command *c, const struct ranks_control *control,
                      struct ranks_failure *failure, char *why) {
    double limit_s = control->limit_s > 0 ? control->limit_s : limit_of(run->plan);
    enum ranks_end end;
    bool stopped = false;
    char ended[160];
    if (start(run, c, why) != 0)
        return -1;
    int status = await(run, control, limit_s, &end, &stopped);
    run->wall_s = now() - run->begun;
    end_all(run);
    drain(run);
    close(run->printed);
    failure->stopped = stopped;
    if (stopped)
        return snprintf(why, RANKS_WHY, "stopped"), -1;
    /* An abort, or a simulation in which all wait, ends smpirun with 0. */
    if (status == 0) {
        ranks_heard_states(&run->heard, run->folder, false);
        const struct ranks_state *first = &run->heard.rank[0].state;
        if (run->heard.failed < 0 && (first->pid ? first->doing == RANKS_DONE : has_log(run)))
            return 0;
        if (run->heard.failed < 0 && first->pid == 0) {
            snprintf(
                why, RANKS_WHY,
                "%.200s ended well, but no rank had started: it seems to be another MPI's; let "
                "NANOLAB_MPIRUN be Open MPI's mpirun",
                c->word[0]);
            return -1;
        }
    }
    if (run->heard.waited && end == RANKS_ENDED)
        end = RANKS_DEADLINE;
    if (end == RANKS_ENDED)
        ranks_heard_states(&run->heard, run->folder, false);
    describe_end(run, c, ended, sizeof ended);
    ranks_blame(&run->heard, end, ended, run->plan->deadline_s, limit_s, failure, why);
    return -1;
}

int ranks_start(const struct ranks_plan *plan, const char *folder,
                const struct ranks_control *control, double *wall_s, double *peak_bytes,
                struct ranks_failure *failure, char *why) {
    struct run run = {.plan = plan, .folder = folder, .printed = -1};
    struct command command;
    if (plan->engine == RANKS_SMPI && ranks_cluster_write(plan, folder, why) != 0)
        return -1;
    if (command_open(&command, &run, why) != 0)
        return -1;
    if (ranks_heard_open(&run.heard, plan->ranks) != 0) {
        command_close(&command);
        snprintf(why, RANKS_WHY, "no memory for %u ranks", plan->ranks);
        return -1;
    }
    int status = run_engine(&run, &command, control, failure, why);
    *wall_s = run.wall_s;
    *peak_bytes = plan->engine == RANKS_SMPI ? 1024.0 * (double)run.used.ru_maxrss : 0;
    ranks_heard_close(&run.heard);
    command_close(&command);
    return status;
}
