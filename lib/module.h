/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that the files of the module's host share. */
#ifndef LIB_MODULE_H
#define LIB_MODULE_H

#include <limits.h>

#include "internal.h"

int lib_module_make(const char *name) LIB_HIDDEN;
int lib_module_look(const char *name, bool *both) LIB_HIDDEN;
int lib_module_is_ring(const char *path) LIB_HIDDEN;
int lib_module_remove(const char *name) LIB_HIDDEN;

#endif
