#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A live spectrum: recordings go through a ring in blocks, readers transform them.

Each of two readers sees every block and does the FFT of its half of them; what
comes back is drawn.  The recordings are those of Debian's alsa-utils.

usage: example_spectrum.py [OUT.png [RECORDING.wav...]]
"""

import glob
import multiprocessing
import os
import sys
import wave

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ringbuffer  # noqa: E402

BLOCK = 1024
STEP = 512
READERS = 2
SOUNDS = "/usr/share/sounds/alsa/*.wav"


def samples_of(path):
    with wave.open(path) as f:
        if f.getsampwidth() != 2:
            raise ValueError("%s: not of 16 bits" % path)
        data = numpy.frombuffer(f.readframes(f.getnframes()), "<i2")
        return f.getframerate(), data.reshape(-1, f.getnchannels())[:, 0]


def play(writer, paths):
    for path in paths:
        samples = samples_of(path)[1]
        for start in range(0, len(samples) - BLOCK + 1, STEP):
            with writer.reserve() as slot:
                slot.asarray("<i2", (BLOCK,))[:] = samples[start:start + BLOCK]
    writer.close()


def transform(reader, writer, mine):
    window = numpy.hanning(BLOCK)
    while True:
        try:
            with reader.peek() as slot:
                position = slot.position
                if position % READERS != mine:
                    continue
                spectrum = numpy.abs(numpy.fft.rfft(slot.asarray("<i2", (BLOCK,)) * window))
        except ringbuffer.WriterFinishedError:
            break
        with writer.reserve() as slot:
            slot.flags = position
            slot.asarray("f4", (BLOCK // 2 + 1,))[:] = spectrum
    writer.close()


def draw(columns, rate, out):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    image = 20 * numpy.log10(numpy.array(columns).T + 1)
    figure, axes = pyplot.subplots(figsize=(12, 5))
    shown = axes.imshow(image, origin="lower", aspect="auto", cmap="magma",
                        vmin=image.max() - 80,
                        extent=(0, len(columns) * STEP / rate, 0, rate / 2000))
    axes.set(xlabel="seconds", ylabel="kHz", title="alsa-utils' recordings through a ring")
    figure.colorbar(shown, label="dB")
    figure.tight_layout()
    figure.savefig(out, dpi=100)


def main():
    out = sys.argv[1] if sys.argv[1:] else "spectrum.png"
    paths = sys.argv[2:] or sorted(glob.glob(SOUNDS))
    if not paths:
        sys.exit("no recordings: apt-get install alsa-utils")
    sound = ringbuffer.Ring.create(BLOCK * 2, 32, exclusive=True)
    spectra = ringbuffer.Ring.create((BLOCK // 2 + 1) * 4, 32)
    back = spectra.reader()
    processes = [multiprocessing.Process(target=transform,
                                         args=(sound.reader(), spectra.writer(), mine))
                 for mine in range(READERS)]
    processes.append(multiprocessing.Process(target=play, args=(sound.writer(), paths)))
    for process in processes:
        process.start()
    del sound, spectra
    columns = {}
    while True:
        try:
            with back.peek() as slot:
                columns[slot.flags] = slot.asarray("f4").copy()
        except ringbuffer.WriterFinishedError:
            break
    for process in processes:
        process.join()
    if sorted(columns) != list(range(len(columns))) or not columns:
        sys.exit("blocks are missing")
    draw([columns[n] for n in sorted(columns)], samples_of(paths[0])[0], out)
    print("%s: %d spectra of %d recordings" % (out, len(columns), len(paths)))
    return max(abs(process.exitcode) for process in processes)


if __name__ == "__main__":
    sys.exit(main())
