// SPDX-License-Identifier: GPL-2.0
/* libFuzzer over hostile pages and a sequence of engine calls, see hostile.h. */
#include "hostile.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct bytes b = { data, size };

	hostile_run(&b);
	return 0;
}
