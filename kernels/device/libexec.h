/*
 * libexec.h: programs of ours that are started by others of ours.
 */
#ifndef NANOLAB_KERNELS_DEVICE_LIBEXEC_H
#define NANOLAB_KERNELS_DEVICE_LIBEXEC_H

#include <stddef.h>

/* The path of libexec/NAME in the nearest folder around this executable that has one: a build's or
 * a bundle's, wherever in it this one lies. 0, or -1: there is none. */
int libexec_find(const char *name, char *path, size_t size);

#endif
