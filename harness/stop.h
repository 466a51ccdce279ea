/*
 * stop.h: how a signal ends a command, in every phase of it.
 *
 * SIGINT, SIGTERM and SIGHUP set stop_signal, and whoever works looks at it: a bench after a round,
 * a wait for gnuplot, the next claim. Only a case in hand is worth waiting for: that is between
 * stop_hold(true) and stop_hold(false), where one signal waits as long as it takes. Everywhere else
 * (reading back, judging, drawing), and after a second signal, the process is ended a second later
 * at the latest, whatever it does: what it wrote is renamed into place or appended whole, so that
 * nothing is lost. Programs and private folders that it began are gone by then.
 */
#ifndef NANOLAB_HARNESS_STOP_H
#define NANOLAB_HARNESS_STOP_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* Set by the handler; 0 while nothing asked the process to stop. */
extern volatile sig_atomic_t stop_signal;

/* Catches the signals from here on. `child`, if not NULL, is a process id that they are passed on
 * to; while it is not 0, that process is waited for. A file that reaches its size limit is an
 * error, no signal. */
void stop_catch(const volatile sig_atomic_t *child);
/* A case is in hand, or no longer. */
void stop_hold(bool hold);
/* 128 + the signal's number, or `status` where there was none. */
int stop_status(int status);

/* What has to be gone when the process is ended by force: private folders (plain files in them, and
 * folders of such down to three levels), process groups. At most 8 of each. Several threads may
 * have folders. */
void stop_folder(const char *path);
void stop_forget_folder(const char *path);
void stop_group(pid_t group);
void stop_forget_group(pid_t group);

#endif
