/*
 * stragglers.h: what the files of this lab share.
 *
 *     lab.c      the claims, what is recorded, the tables behind the plots
 *     engines.c  which engines run here; a run of ranks as a case
 *     rounds.h   what the arms of a log take, round by round; cases of one run of ranks
 *     parts.c    C1: a step's time from its parts, the communication's from the message
 *     rare.c     C2: where rare stalls end up among the steps
 *     stalls.c   C2, C9: what a stall of known size adds to the step, and to the communication
 *     essay.c    C3: the essay's 1.2 ms on one of 8 ranks, for steps of all lengths
 *     chain.c    C4: stall, step, batch, shape class, plan: step by step
 *     links.h    the chain that such steps prove, as a sentence with its numbers
 *     bits.c     C5a-c: what decides a sum's bits, among processes and simulated ranks
 *     bits_check.c  … and their verdicts, whoever recorded the bits
 *     aligned.c  C5d: a sum whose bits do not depend on the number of ranks, and its price
 *     virtual.c  C5a-d: the same among ranks that are groups of thread blocks
 *     gpu.c      C2: a plan of ranks carried out by such groups, on a GPU
 *     groups.c   C6: groups of ranks that share a member
 *     many.c     C7: from which number of ranks on a rare stall shows
 *     cause.c    C8: a rank that is late because its workspace is small
 *     league.c   C10: who names the straggler
 *     quiet.c    C10, C11: steps that the machine itself disturbed, which nobody can score
 *     without.c  C11: the step without it
 */
#ifndef NANOLAB_LABS_05_STRAGGLERS_H
#define NANOLAB_LABS_05_STRAGGLERS_H

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/ranks/ranks.h"

/* --- engines.c ---------------------------------------------------------------------------------
 */

/* Whether an engine runs here. Once per run it is recorded, as case 05/engine/NAME, with its
 * version or with the reason why it does not, and that is said. 1, 0, or -1 after lab_error(). */
int engine_runs(struct lab_run *run, struct device *device, enum ranks_engine engine);
/* The same with so many ranks. NCCL wants a GPU for each: of this machine's, or of as many as
 * NANOLAB_GPUS says there are on all machines together. */
int engine_fits(struct lab_run *run, struct device *device, enum ranks_engine engine,
                unsigned ranks);
/* With how many ranks an engine of processes is to run, as far as it fits: as NANOLAB_RANKS says;
 * else 2 and 4, and under NCCL 8. How many. */
#define ENGINE_COUNTS RANKS_COUNTS_MOST
size_t engine_counts(struct lab_run *run, struct device *device, enum ranks_engine engine,
                     unsigned counts[ENGINE_COUNTS]);
/* ranks_run() under the run's signals. 0; 1: stopped, drop the case and return 0; -1 after
 * lab_error(). */
int engine_run(struct lab_run *run, const struct ranks_plan *plan, struct ranks_log *log);
/* Ranks that are groups of thread blocks of one GPU stand in a plan as this engine, which
 * ranks_run() does not know. */
#define VIRTUAL RANKS_ENGINE_COUNT
const char *engine_name(enum ranks_engine engine);
/* Parameters of a case: engine, ranks, algorithm, oversubscribed. */
void record_plan(struct lab_case *c, const struct ranks_plan *plan);
/* An arm's log as series "compute", "start", "end" and, of all but products, "stall" (us, [steps ×
 * ranks], a step's ranks together) and parameters "log ranks", "log bytes", "log round", "log
 * overlapped", from which `nanolab straggler` judges a result folder. At most one log in a case. */
void record_log(struct lab_case *c, const struct ranks_log *log, unsigned arm);
/* Rows of engines alone mean that none could be asked: says so, with the packages. True: the claim
 * is settled so. Each claim's cases begin with "05/engine/ ". */
bool none_ran(const struct rows *rows, struct finding *f);
/* A row of 05/engine/, which is no case of the claim. */
bool is_engine(const struct rows *rows, size_t k);

/* --- bits.c, aligned.c, virtual.c: C5a-d
 * ------------------------------------------------------------------
 *
 * What decides a sum's bits, whoever sums. A case is one engine, one algorithm, so many ranks:
 *
 *     05/bits/ENGINE/ALGORITHM/N=…       with a row for each size of message
 *     05/aligned/ENGINE/ALGORITHM        with a row for each number of ranks (C5d)
 *     05/price/ENGINE/N=…/bytes=…        one row (C5d)
 *
 * Columns of the first two; all are needed, those of words may be "":
 *
 *     engine        openmpi, smpi; of ranks that are groups of thread blocks: simt, cuda
 *     algorithm     who adds what to what
 *     setting       what else of the plan decides the order: channels, chunk, tail, merge
 *     ranks, n      ranks; elements of the message
 *     sums          made with nobody late: at least 2
 *     agreeing      sums, late ones too, in which all ranks have the same bits
 *     results       different results among `sums`
 *     stalled       sums with a rank that was late
 *     changed       of these, results that are none of those with nobody late
 *     repeats       1: by the model, the same bits in every run; 0: not
 *     invariant     1: by the model, the first `shared` elements are added up in the same order in
 *                   all rows of the case, in all messages of 05/bits, by all numbers of ranks of
 *                   05/aligned; 0: some are not
 *     predicted     FNV-1a of the result's bytes by the model (after the fact, where that is
 *                   what can be known), 64 bits
 *     measured      the same of rank 0's first result
 *     shared        elements of the case's smallest message
 *     first         FNV-1a of the first `shared` elements of that result
 *     found         the order as found from outputs alone, by probes: which algorithm's it is, or
 *                   "none known"; "" where it was not looked for
 *
 * and of a price:
 *
 *     engine, ranks, bytes
 *     algorithm       the fastest one of those that have the aligned order
 *     aligned us      time of a sum by it
 *     fastest us      and by the algorithm that is the fastest of all
 *     fastest         which that is
 *     over fastest    the first time over the second, with its interval (case_counter_ratio)
 */
/* On cpu: engines; on simt and cuda: sweep_virtual(). */
int sweep_bits(struct lab_run *run, struct device *device);
int sweep_virtual(struct lab_run *run, struct device *device);
void check_agree(const struct rows *rows, struct finding *f);   /* C5a */
void check_stalls(const struct rows *rows, struct finding *f);  /* C5b */
void check_orders(const struct rows *rows, struct finding *f);  /* C5c */
void check_aligned(const struct rows *rows, struct finding *f); /* C5d */
/* Whether an order repeats from run to run, and whether it does not depend on the size. */
#define PROPERTIES                                                                                 \
    "device\tengine\talgorithm\tsetting\tranks\tsizes\trun to run\tsize-invariant\tas predicted"
int write_properties(struct lab_run *run, const struct rows *rows, struct lab_table *table);
/* Which sums have equal bits: tables "classes" and "virtual". */
#define CLASSES "column\tline\tcolour\twho\tranks\tn\tinvariant\tfound"
int write_classes(struct lab_run *run, const struct rows *rows, struct lab_table *table);

/* --- gpu.c -------------------------------------------------------------------------------------
 */

/* A plan of VIRTUAL ranks on a GPU, as ranks_run() would do it for an engine: start and end by the
 * GPU's clock. One rank at most can be late in a step, and ranks do not compute otherwise. 0; 1:
 * stopped; -1 after lab_error(). */
int virtual_run(struct lab_run *run, struct device *device, const struct ranks_plan *plan,
                struct ranks_log *log);

/* --- parts.c, stalls.c, rare.c, groups.c, many.c -----------------------------------------------
 */

int sweep_parts(struct lab_run *run, struct device *device);
int sweep_stalls(struct lab_run *run, struct device *device);
int sweep_rare(struct lab_run *run, struct device *device);
#define RARE_US 1200 /* what a rare stall takes */
int sweep_groups(struct lab_run *run, struct device *device);
int sweep_many(struct lab_run *run, struct device *device);
void check_parts(const struct rows *rows, struct finding *f);          /* C1 */
void check_pace(const struct rows *rows, struct finding *f);           /* C2 */
void check_groups(const struct rows *rows, struct finding *f);         /* C6 */
void check_many(const struct rows *rows, struct finding *f);           /* C7 */
void check_retransmission(const struct rows *rows, struct finding *f); /* C9 */

/* --- C3, C4 ------------------------------------------------------------------------------------
 */

int sweep_essay(struct lab_run *run, struct device *device);
void check_essay(const struct rows *rows, struct finding *f); /* C3 */
int sweep_chain(struct lab_run *run, struct device *device);
void check_chain(const struct rows *rows, struct finding *f); /* C4 */
int write_sentences(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_timeline(struct lab_run *run, const struct rows *rows, struct lab_table *table);

/* --- league.c, without.c: C10, C11 -------------------------------------------------------------
 */

int sweep_league(struct lab_run *run, struct device *device);
void check_league(const struct rows *rows, struct finding *f);
void check_without(const struct rows *rows, struct finding *f);
int write_league_map(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_without(struct lab_run *run, const struct rows *rows, struct lab_table *table);

/* --- cause.c: C8 -------------------------------------------------------------------------------
 */

int sweep_cause(struct lab_run *run, struct device *device);
void check_cause(const struct rows *rows, struct finding *f);
int write_answer(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
