/*
 * home.h: where plots and pages find what they need: the tree with labs/ and harness/page/style.gp,
 * and a private folder for temporary files.
 *
 * Functions that return int give >= 0, or -1 with one line in error_text().
 */
#ifndef NANOLAB_HARNESS_HOME_H
#define NANOLAB_HARNESS_HOME_H

#include <stddef.h>

#include "harness/store/folder.h"

#define HOME_NAME_MAX 64
#define HOME_LABS_MAX 100

/* The source or installed tree, found by walking up from the running executable, looking also
 * into share/nanolab on the way; never from a result folder or the current directory. */
int home_find(char *path, size_t size);

/* A fresh private folder for temporary files, and its removal with all that is in it. A signal that
 * ends this program removes it too (stop.h); what a killed one left, the next one does. */
int home_private(char *path, size_t size);
void home_private_remove(const char *path);

/* True for a lab's folder name, "01-float-staging": two digits, then -, a-z, 0-9. */
int home_is_lab(const char *name);
/* True for the name of a table or plot: a-z, 0-9, -, not empty, at most 48 characters. */
int home_is_plain(const char *name);
/* Opens the folder for a page, making it first if it is not there: one that is empty, or has an
 * older page, `file`, in it; nothing else is written into. `command` is what makes such pages. */
int home_page_folder(struct folder *folder, const char *dir, const char *file, const char *command);
/* Opens a folder inside, making it first if it is not there. */
int home_make_in(struct folder *made, const struct folder *parent, const char *name);

#endif
