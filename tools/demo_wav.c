// SPDX-License-Identifier: GPL-2.0
/* The header of a WAV file: RIFF chunks, little endian. */
#include <string.h>

#include "demo_wav.h"

#define WAVE_FORMAT_PCM 1
#define CHUNK_HEADER	8
#define RIFF_HEADER	12
#define FMT_BYTES	16

static uint32_t le32(const unsigned char *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void parse_fmt(struct wav *wav, const unsigned char *fmt)
{
	wav->pcm = le16(fmt) == WAVE_FORMAT_PCM;
	wav->channels = le16(fmt + 2);
	wav->rate = le32(fmt + 4);
	wav->byte_rate = le32(fmt + 8);
	wav->bits = le16(fmt + 14);
}

bool wav_parse(struct wav *wav, const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t at = RIFF_HEADER, length;

	memset(wav, 0, sizeof(*wav));
	if (size < RIFF_HEADER || memcmp(p, "RIFF", 4) || memcmp(p + 8, "WAVE", 4))
		return false;
	while (at + CHUNK_HEADER <= size) {
		length = le32(p + at + 4);
		if (!memcmp(p + at, "data", 4)) {
			wav->offset = at + CHUNK_HEADER;
			wav->bytes = length;
			return wav->byte_rate > 0;
		}
		if (!memcmp(p + at, "fmt ", 4) && length >= FMT_BYTES &&
		    at + CHUNK_HEADER + FMT_BYTES <= size)
			parse_fmt(wav, p + at + CHUNK_HEADER);
		at += CHUNK_HEADER + length + (length & 1);
	}
	return false;
}
