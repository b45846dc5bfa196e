# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the extension over the library of the source tree that this folder is part of."""

import glob
import os
import re
import subprocess

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

TOP = os.path.join("..", "..")


def version():
    with open(os.path.join(TOP, "Makefile")) as f:
        return re.search(r"^VERSION := (\S+)", f.read(), re.M).group(1)


class Build(build_ext):

    def run(self):
        subprocess.check_call(["make", "-C", TOP, "build/lib/libringbuf-inside.a"])
        super().run()


setup(
    version=version(),
    packages=["ringbuffer"],
    package_data={"ringbuffer": ["py.typed", "*.pyi"]},
    cmdclass={"build_ext": Build},
    ext_modules=[Extension(
        "ringbuffer._ringbuf",
        sorted(glob.glob("src/*.c")),
        depends=glob.glob("src/*.h"),
        include_dirs=[os.path.join(TOP, "include"), os.path.join(TOP, "lib")],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=gnu11", "-fvisibility=hidden"],
        extra_objects=[os.path.join(TOP, "build", "lib", "libringbuf-inside.a")],
        extra_link_args=["-Wl,--exclude-libs,ALL", "-pthread"],
    )],
)
