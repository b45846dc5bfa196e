# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the extension with the sources of libringbuf in it.

These lie in the source tree that this folder is part of, or, in a source distribution,
in library/, where sdist has put them.  Nothing is left in either.
"""

import atexit
import glob
import os
import re
import shutil
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.egg_info import egg_info
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:     # before setuptools 70
    from wheel.bdist_wheel import bdist_wheel

try:
    from setuptools.command.build import build
except ImportError:     # before setuptools 62
    from distutils.command.build import build

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, "library")
TOP = OURS if os.path.isdir(OURS) else os.path.dirname(os.path.dirname(HERE))
# Of the tree, what the extension is built of; the licences go along.
LIBRARY = ("lib/*.c", "lib/*.h", "kmod/engine/*.h", "include/*.h", "include/uapi/linux/*.h",
           "LICENSES/*")


def read(path):
    with open(path) as f:
        return f.read()


def version():
    if TOP == OURS:
        return re.search(r"^Version: (\S+)", read(os.path.join(HERE, "PKG-INFO")), re.M).group(1)
    return re.search(r"^VERSION := (\S+)", read(os.path.join(TOP, "Makefile")), re.M).group(1)


def scratch():
    folder = tempfile.mkdtemp(prefix="ringbuffer-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Build(build):

    def initialize_options(self):
        super().initialize_options()
        self.build_base = scratch()


class EggInfo(egg_info):

    def initialize_options(self):
        super().initialize_options()
        if "sdist" not in self.distribution.commands:
            self.egg_base = scratch()


class BuildExt(build_ext):

    def build_extension(self, ext):
        ext.extra_objects = self.compiler.compile(
            sorted(glob.glob(os.path.join(TOP, "lib", "*.c"))), output_dir=self.build_temp,
            macros=[("_GNU_SOURCE", None), ("RINGBUF_VERSION", '"%s"' % version())],
            include_dirs=[os.path.join(TOP, d) for d in ("lib", "kmod", "include", "include/uapi")],
            extra_postargs=ext.extra_compile_args, debug=self.debug)
        super().build_extension(ext)


class Wheel(bdist_wheel):

    def get_tag(self):
        """A wheel for plain Linux may not be published: say which glibc it needs."""
        python, abi, platform = super().get_tag()
        needs = [int(minor) for path in self.extensions()
                 for minor in re.findall(rb"GLIBC_2\.(\d+)", path)]
        if platform.startswith("linux_") and needs:
            platform = "manylinux_2_%d_%s" % (max(17, *needs), platform[len("linux_"):])
        return python, abi, platform

    def extensions(self):
        build = self.get_finalized_command("build_ext")
        for path in build.get_outputs():
            if os.path.exists(path):
                with open(path, "rb") as f:
                    yield f.read()


class Source(sdist):

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for path in glob.glob(os.path.join(HERE, "src", "*.h")):
            self.copy_file(path, os.path.join(base_dir, "src"))
        for pattern in LIBRARY:
            folder = os.path.join(base_dir, "library", os.path.dirname(pattern))
            self.mkpath(folder)
            for path in glob.glob(os.path.join(TOP, pattern)):
                self.copy_file(path, folder)

    def run(self):
        super().run()
        shutil.rmtree(self.get_finalized_command("egg_info").egg_info, ignore_errors=True)


setup(
    version=version(),
    packages=["ringbuffer"],
    package_data={"ringbuffer": ["py.typed", "*.pyi"]},
    cmdclass={"build": Build, "build_ext": BuildExt, "bdist_wheel": Wheel, "egg_info": EggInfo,
              "sdist": Source},
    ext_modules=[Extension(
        "ringbuffer._ringbuf",
        sorted(glob.glob("src/*.c")),
        include_dirs=[os.path.join(TOP, "include"), os.path.join(TOP, "lib")],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=gnu11", "-fvisibility=hidden"],
        extra_link_args=["-pthread"],
    )],
)
