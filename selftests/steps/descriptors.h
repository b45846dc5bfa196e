/* SPDX-License-Identifier: GPL-2.0 */
/* Operations of victims that read, write and splice a handle of the module. */
#ifndef SELFTESTS_STEPS_DESCRIPTORS_H
#define SELFTESTS_STEPS_DESCRIPTORS_H

#include "steps.h"

/* What comes before them. */
int with_a_descriptor_to_write(struct victim *v);
int with_a_descriptor_and_a_pipe(struct victim *v);
int with_a_descriptor_of_a_full_ring(struct victim *v);
int with_a_descriptor_to_read(struct victim *v);
int with_a_descriptor_of_an_empty_ring(struct victim *v);

/* The operations. */
int descriptor_write(struct victim *v);
int descriptor_read(struct victim *v);
int descriptor_splice_in(struct victim *v);
int descriptor_splice_out(struct victim *v);

#endif
