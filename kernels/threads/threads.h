/*
 * threads.h: a small persistent thread pool for native kernels.
 *
 * Handing work to a thread that is still spinning costs about a microsecond, so that a kernel of
 * some tens of microseconds can be shared between cores; a pool that has had nothing to do for a
 * while sleeps and costs no CPU time. The caller is always worker 0 and works too.
 *
 * Which worker gets which part is decided by (index, count) alone, never by arrival, so a kernel
 * that derives its part from them gives the same bits every time.
 *
 * One thread at a time may call pool_run on a pool. The function must not call pool_run on the
 * same pool. A pool binds its workers, but never the caller, to one CPU each, as far as there are
 * CPUs; workers beyond these run anywhere.
 */
#ifndef NANOLAB_KERNELS_THREADS_THREADS_H
#define NANOLAB_KERNELS_THREADS_THREADS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pool;

/* What one worker runs: part `index` of `count`, 0 <= index < count. */
typedef void pool_function(void *context, unsigned index, unsigned count);

/* CPUs this process might run on when it first asked (its affinity mask), at least 1. */
unsigned pool_cpus(void);

/* A pool of `threads` >= 1 workers, the caller of pool_run among them, so threads - 1 are
 * started. Returns 0, or -1 if memory or threads are short. */
int pool_create(struct pool **out, unsigned threads);
/* Ends and joins the workers. NULL is allowed. */
void pool_destroy(struct pool *pool);
unsigned pool_threads(const struct pool *pool);

/* Runs function(context, i, n) for i = 0…n-1, n = pool_threads, and returns when all are done;
 * what they wrote is then visible to the caller. */
void pool_run(struct pool *pool, pool_function *function, void *context);
/* The same on the first `count` workers only, 1 <= count <= pool_threads. */
void pool_run_on(struct pool *pool, unsigned count, pool_function *function, void *context);

/* One pool for the whole process, grown to at least `threads` workers: kernels that share it do
 * not fight each other's spinning threads for the cores. Use pool_run_on with the count wanted.
 * NULL if memory or threads are short. A pool once returned stays valid as long as the process;
 * any thread may call this, but one thread at a time may run jobs. */
struct pool *pool_shared(unsigned threads);

/* Waits, for at most a tenth of a second, until no other thread of the process runs or wants to.
 * Idle threads of a library may spin on their CPUs for milliseconds (OpenMP's of gcc do, for about
 * five), at the cost of whoever is timed next. False if there is still one, or no /proc. */
bool pool_wait_quiet(void);

#ifdef __cplusplus
}
#endif
#endif
