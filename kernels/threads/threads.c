/*
 * threads.c: the persistent thread pool behind threads.h.
 *
 * Every worker has its own cache line with the number of the last job it was given. Handing over
 * is one store per worker, plus a futex wake only for those that went to sleep. A worker spins
 * for a bounded number of pauses before it sleeps: long enough to catch the next of a row of short
 * jobs, short enough that an idle or oversubscribed pool does not steal the cores it waits for.
 */
#define _GNU_SOURCE /* affinity masks */
#include "kernels/threads/threads.h"

#include <dirent.h>
#include <hwloc.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Pauses before sleeping: about 40 µs on recent cores (a pause takes 40 to 140 cycles there). */
#define SPIN_PAUSES 2000
#define CACHE_LINE 64

struct worker {
    /* Number of the job last given to this worker; wraps. Also the futex word. */
    _Alignas(CACHE_LINE) _Atomic unsigned job;
    _Atomic unsigned asleep;
    struct pool *pool;
    unsigned index;
    pthread_t thread;
};

struct pool {
    pool_function *function;
    void *context;
    unsigned count;
    unsigned threads;
    atomic_bool ending;
    int *cpu; /* of the bound workers; cpu[0] is where the caller should be. NULL: not bound */
    unsigned bound;         /* workers with a place in `cpu`, the caller's among them */
    struct worker *workers; /* workers[0] is the caller's place and has no thread */
    struct pool *outgrown;  /* an earlier, smaller shared pool, still valid, asleep */
    _Alignas(CACHE_LINE) _Atomic unsigned left; /* workers still at the job; futex word */
    _Atomic unsigned caller_asleep;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic unsigned *word, unsigned expected) {
    /* Returns at once if the word has changed, and may wake for no reason: callers loop. */
    syscall(SYS_futex, (unsigned *)word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic unsigned *word) {
    syscall(SYS_futex, (unsigned *)word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Waits until *word differs from `old`. The sleeper sets its flag before it looks at the word a
 * last time, the waker stores the word before it looks at the flag, both sequentially consistent:
 * one of the two always sees the other. */
static unsigned wait_change(_Atomic unsigned *word, unsigned old, _Atomic unsigned *asleep) {
    unsigned now;
    for (int spin = 0; spin < SPIN_PAUSES; ++spin) {
        now = atomic_load_explicit(word, memory_order_acquire);
        if (now != old)
            return now;
        relax();
    }
    atomic_store(asleep, 1);
    while ((now = atomic_load(word)) == old)
        futex_wait(word, old);
    atomic_store(asleep, 0);
    return now;
}

static void *worker_main(void *argument) {
    struct worker *me = argument;
    struct pool *pool = me->pool;
    unsigned seen = 0;
    for (;;) {
        seen = wait_change(&me->job, seen, &me->asleep);
        if (atomic_load(&pool->ending))
            return NULL;
        pool->function(pool->context, me->index, pool->count);
        /* After the last worker's decrement the caller may go on and reuse the pool, but not
         * destroy it: destroying joins this thread first. */
        if (atomic_fetch_sub(&pool->left, 1) == 1 && atomic_load(&pool->caller_asleep))
            futex_wake(&pool->left);
    }
}

static void give(struct worker *worker) {
    atomic_fetch_add(&worker->job, 1);
    if (atomic_load(&worker->asleep))
        futex_wake(&worker->job);
}

/* --- CPUs --------------------------------------------------------------------------------------
 */

/* The process's CPUs, those of different cores first. */
static struct {
    pthread_once_t once;
    int *cpu;
    unsigned count;
} machine = {.once = PTHREAD_ONCE_INIT};

static void list_cpus(void) {
    hwloc_topology_t topology;
    setenv("HWLOC_HIDE_ERRORS", "2", 0); /* without /sys it writes lines of its own */
    if (hwloc_topology_init(&topology) != 0)
        return;
    hwloc_bitmap_t mine = hwloc_bitmap_alloc();
    if (mine && hwloc_topology_load(topology) == 0 &&
        hwloc_get_cpubind(topology, mine, HWLOC_CPUBIND_PROCESS) == 0) {
        hwloc_bitmap_and(mine, mine, hwloc_topology_get_allowed_cpuset(topology));
        int weight = hwloc_bitmap_weight(mine);
        machine.cpu = weight > 0 ? malloc((size_t)weight * sizeof *machine.cpu) : NULL;
        /* Round r takes the r-th hardware thread of each core. */
        int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
        bool more = machine.cpu != NULL;
        for (int round = 0; more; ++round) {
            more = false;
            for (int c = 0; c < cores; ++c) {
                hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, (unsigned)c);
                int cpu = -1;
                for (int k = 0; k <= round; ++k)
                    if ((cpu = hwloc_bitmap_next(core->cpuset, cpu)) < 0)
                        break;
                if (cpu < 0)
                    continue;
                more = true;
                if (hwloc_bitmap_isset(mine, (unsigned)cpu) && (int)machine.count < weight)
                    machine.cpu[machine.count++] = cpu;
            }
        }
    }
    hwloc_bitmap_free(mine);
    hwloc_topology_destroy(topology);
}

unsigned pool_cpus(void) {
    pthread_once(&machine.once, list_cpus);
    if (machine.count > 0)
        return machine.count;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

static void bind_worker(struct pool *pool, unsigned index) {
    /* Failing is no error: the worker then runs wherever it is put. */
    int cpu = pool->cpu[index], limit = cpu + 1;
    cpu_set_t *set = CPU_ALLOC((size_t)limit);
    if (!set)
        return;
    CPU_ZERO_S(CPU_ALLOC_SIZE((size_t)limit), set);
    CPU_SET_S((size_t)cpu, CPU_ALLOC_SIZE((size_t)limit), set);
    pthread_setaffinity_np(pool->workers[index].thread, CPU_ALLOC_SIZE((size_t)limit), set);
    CPU_FREE(set);
}

/* Sends the worker that is bound to the caller's CPU to the place the caller has left. */
static void make_way(struct pool *pool) {
    int here = sched_getcpu();
    if (here == pool->cpu[0])
        return;
    for (unsigned i = 1; i < pool->bound; ++i)
        if (pool->cpu[i] == here) {
            pool->cpu[i] = pool->cpu[0];
            pool->cpu[0] = here;
            bind_worker(pool, i);
            return;
        }
}

/* As many as there are CPUs; in a larger pool the others run wherever they are put. Were none of
 * them bound, the first two workers might share a CPU for good and never run at the same time. */
static void bind_pool(struct pool *pool) {
    unsigned cpus = pool_cpus(), bound = pool->threads < cpus ? pool->threads : cpus;
    if (bound < 2 || machine.count < bound)
        return;
    pool->cpu = malloc(bound * sizeof *pool->cpu);
    if (!pool->cpu)
        return;
    pool->bound = bound;
    memcpy(pool->cpu, machine.cpu, bound * sizeof *pool->cpu);
    for (unsigned i = 1; i < bound; ++i)
        bind_worker(pool, i);
}

/* --- the pool ----------------------------------------------------------------------------------
 */

/* Ends the first `started` workers and frees the pool. */
static void end(struct pool *pool, unsigned started) {
    atomic_store(&pool->ending, true);
    for (unsigned i = 1; i < started; ++i)
        give(&pool->workers[i]);
    for (unsigned i = 1; i < started; ++i)
        pthread_join(pool->workers[i].thread, NULL);
    free(pool->workers);
    free(pool->cpu);
    free(pool);
}

int pool_create(struct pool **out, unsigned threads) {
    *out = NULL;
    if (threads < 1)
        return -1;
    struct pool *pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    if (!pool)
        return -1;
    *pool = (struct pool){.threads = threads};
    pool->workers = aligned_alloc(CACHE_LINE, threads * sizeof *pool->workers);
    if (!pool->workers) {
        free(pool);
        return -1;
    }
    for (unsigned i = 0; i < threads; ++i)
        pool->workers[i] = (struct worker){.pool = pool, .index = i};
    for (unsigned i = 1; i < threads; ++i)
        if (pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]) != 0) {
            end(pool, i);
            return -1;
        }
    bind_pool(pool);
    *out = pool;
    return 0;
}

void pool_destroy(struct pool *pool) {
    if (pool)
        end(pool, pool->threads);
}

unsigned pool_threads(const struct pool *pool) {
    return pool->threads;
}

void pool_run_on(struct pool *pool, unsigned count, pool_function *function, void *context) {
    if (count <= 1) {
        function(context, 0, 1);
        return;
    }
    if (pool->cpu)
        make_way(pool);
    pool->function = function;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->left, count - 1);
    for (unsigned i = 1; i < count; ++i)
        give(&pool->workers[i]);
    function(context, 0, count);
    unsigned left;
    while ((left = atomic_load_explicit(&pool->left, memory_order_acquire)) != 0)
        wait_change(&pool->left, left, &pool->caller_asleep);
}

void pool_run(struct pool *pool, pool_function *function, void *context) {
    pool_run_on(pool, pool->threads, function, context);
}

struct pool *pool_shared(unsigned threads) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct pool *shared;
    pthread_mutex_lock(&lock);
    if (!shared || shared->threads < threads) {
        /* At least one worker per CPU, so that growing again is rare. */
        struct pool *bigger;
        unsigned cpus = pool_cpus();
        if (pool_create(&bigger, threads > cpus ? threads : cpus) == 0) {
            bigger->outgrown = shared;
            shared = bigger;
        }
    }
    struct pool *pool = shared && shared->threads >= threads ? shared : NULL;
    pthread_mutex_unlock(&lock);
    return pool;
}

/* --- other threads -----------------------------------------------------------------------------
 */

/* By the state in its stat: "id (name) state …", where the name may hold anything. */
static bool is_running(const char *id) {
    char path[64], line[128] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", id);
    FILE *f = fopen(path, "r");
    if (!f)
        return false; /* it has ended */
    size_t length = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[length] = '\0';
    const char *behind_name = strrchr(line, ')');
    return behind_name && behind_name[1] == ' ' && behind_name[2] == 'R';
}

/* How many other threads run; -1: unknown. */
static int others_running(void) {
    DIR *tasks = opendir("/proc/self/task");
    long me = syscall(SYS_gettid);
    int count = 0;
    if (!tasks)
        return -1;
    for (struct dirent *task; (task = readdir(tasks));)
        if (task->d_name[0] != '.' && strtol(task->d_name, NULL, 10) != me)
            count += is_running(task->d_name);
    closedir(tasks);
    return count;
}

bool pool_wait_quiet(void) {
    const struct timespec nap = {.tv_nsec = 200000};
    for (int k = 0; k < 500; k++) {
        int count = others_running();
        if (count <= 0)
            return count == 0;
        nanosleep(&nap, NULL);
    }
    return false;
}
