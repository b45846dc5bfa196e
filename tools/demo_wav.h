/* SPDX-License-Identifier: GPL-2.0 */
/* The header of a WAV file. */
#ifndef DEMO_WAV_H
#define DEMO_WAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct wav - what the header of a WAV file says
 * @offset: where in the file the samples begin
 * @bytes: size of all samples
 * @rate: samples of each channel per second
 * @byte_rate: bytes of all channels per second
 * @channels: number of channels; 1: mono
 * @bits: size of a sample in bits
 * @pcm: the samples are integers, neither compressed nor floating point
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

/* Set @wav from the first @size bytes of a file.  Return false if these hold no WAV header. */
bool wav_parse(struct wav *wav, const void *data, size_t size);

#endif /* DEMO_WAV_H */
