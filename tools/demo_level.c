// SPDX-License-Identifier: GPL-2.0
/* RMS and peak of 16-bit samples, slot by slot and file by file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "demo.h"

#define FULL_SCALE  32768.0
#define QUIETEST_DB -96.0

static void add_sample(struct demo_level *level, int32_t sample)
{
	level->squares += (double)sample * sample;
	level->samples++;
	if (abs(sample) > level->peak)
		level->peak = abs(sample);
}

static double decibels(double amplitude)
{
	return amplitude > 0 ? fmax(20 * log10(amplitude / FULL_SCALE), QUIETEST_DB) : QUIETEST_DB;
}

static double rms(const struct demo_level *level)
{
	return level->samples ? sqrt(level->squares / (double)level->samples) : 0;
}

static void add_samples(struct demo_meter *m, const unsigned char *data, size_t bytes,
			struct demo_level *slot)
{
	uint64_t end = m->wav.offset + m->wav.bytes, at;
	size_t i;

	for (i = 0; i + 1 < bytes; i += 2) {
		int16_t sample = (int16_t)(data[i] | data[i + 1] << 8);

		at = m->bytes + i;
		if (at < m->wav.offset || at + 1 >= end)
			continue;
		add_sample(slot, sample);
		add_sample(&m->all, sample);
		add_sample(&m->bin[(at - m->wav.offset) * DEMO_BINS / m->wav.bytes], sample);
	}
}

/* Add a slot of a file to the levels.  The first slot of a file begins with its header. */
void demo_meter_slot(struct demo_meter *m, const unsigned char *data, size_t bytes)
{
	struct demo_level slot = { 0 };

	if (!m->bytes)
		wav_parse(&m->wav, data, bytes);
	if (m->wav.pcm && m->wav.bits == 16)
		add_samples(m, data, bytes, &slot);
	if (rms(&slot) > rms(&m->loudest))
		m->loudest = slot;
	m->bytes += bytes;
	m->slots++;
}

/* Return the character for a level: a space below -54 dB, then one more step every 6 dB. */
static char column(const struct demo_level *level)
{
	static const char steps[] = " .:-=+*%#@";
	int step = (int)((decibels(rms(level)) + 60) / 6);

	if (step < 0)
		step = 0;
	if (step > (int)sizeof(steps) - 2)
		step = (int)sizeof(steps) - 2;
	return steps[step];
}

void demo_meter_print(const struct demo_meter *m, const char *path)
{
	const char *slash = strrchr(path, '/');
	char bar[DEMO_BINS + 1] = "", *name;
	unsigned int i;

	path = slash ? slash + 1 : path;
	name = escape(path, strlen(path), ESCAPE_ASCII);
	printf("  %-18.18s ", name);
	free(name);
	if (!m->all.samples) {
		printf("%9llu bytes, no 16-bit samples\n", (unsigned long long)m->bytes);
		return;
	}
	for (i = 0; i < DEMO_BINS; i++)
		bar[i] = column(&m->bin[i]);
	printf("%5.2f s %4llu slots  |%s|  %5.1f dB  %5.1f dB  %5.1f dB\n",
	       (double)m->wav.bytes / m->wav.byte_rate, (unsigned long long)m->slots, bar,
	       decibels(rms(&m->all)), decibels(rms(&m->loudest)), decibels(m->all.peak));
}
