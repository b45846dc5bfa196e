/* SPDX-License-Identifier: GPL-2.0 */
/* The header of a WAV file. */
#ifndef DEMO_WAV_H
#define DEMO_WAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct wav - what the header says
 * @offset: of the samples in the file
 * @bytes: of all samples
 * @rate: samples per second and channel
 * @byte_rate: bytes per second
 * @channels: 1 is mono
 * @bits: of a sample
 * @pcm: plain integers
 */
struct wav {
	uint64_t offset;
	uint64_t bytes;
	uint32_t rate;
	uint32_t byte_rate;
	uint16_t channels;
	uint16_t bits;
	bool pcm;
};

#define WAV_HEADER_ENOUGH 512 /* most headers are 44 bytes */

/* Reads the header from the first @size bytes of a file; false if there is none. */
bool wav_parse(struct wav *wav, const void *data, size_t size);

#endif /* DEMO_WAV_H */
