/*
 * device_schedule.h: how launches run on devices that are simulated, for the whole process and
 * wherever nobody sets another schedule (simt_configure, ptx_configure).
 */
#ifndef NANOLAB_KERNELS_DEVICE_DEVICE_SCHEDULE_H
#define NANOLAB_KERNELS_DEVICE_DEVICE_SCHEDULE_H

#ifdef __cplusplus
extern "C" {
#endif

/* "in-order" (the default), "reverse", or "seed:N", anybody by chance. 0, or -1 with
 * device_error(). */
int device_schedule_set(const char *text);
const char *device_schedule_text(void);

/* The SIMT machine's part: what its default is from now on, of orders and seed. Threads that had
 * set their own keep it, but for the calling one. */
struct simt_config;
void simt_set_usual(const struct simt_config *config);

#ifdef __cplusplus
}
#endif
#endif
