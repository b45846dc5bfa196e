/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the module's host share. */
#ifndef RB_MODULE_H
#define RB_MODULE_H

#include <limits.h>

#include "internal.h"

int rb_module_make(const char *name) RB_HIDDEN;
int rb_module_look(const char *name, bool *both) RB_HIDDEN;
int rb_module_is_ring(const char *path) RB_HIDDEN;
int rb_module_remove(const char *name) RB_HIDDEN;

#endif
