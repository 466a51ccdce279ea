/*
 * decoder_job.h: a step as a job: one row of each of `batch` sequences, that many tokens into their
 * texts; or a whole prompt.
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_JOB_H
#define NANOLAB_KERNELS_DECODER_DECODER_JOB_H

#include "kernels/decoder/decoder_text.h"
#include "kernels/device/job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every call is the same step again: it writes the keys and values that are there. Its result is
 * all rows' logits (bits: a hash of them), `bytes` the weights and what attention reads of the
 * cache, `flops` two for each weight and row. The model is borrowed. 0, or -1 with
 * device_error(). */
int decoder_job_open(struct job *out, const struct decoder_way *way, unsigned batch,
                     unsigned position);
/* The same of a prompt of `tokens` tokens, computed at once, with the logits of its last. */
int decoder_prompt_job_open(struct job *out, const struct decoder_way *way, unsigned tokens);

#ifdef __cplusplus
}
#endif
#endif
