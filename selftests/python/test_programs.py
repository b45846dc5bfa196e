# SPDX-License-Identifier: GPL-2.0
"""The examples, the perf test, the package as pip installs it, its types."""

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import METHODS, PATIENCE, SMALL, TOP, needs_numpy, on_module, ringbuffer

PYTHON = os.path.join(TOP, "lib", "python")
SOUNDS = "/usr/share/sounds/alsa"
one_python = unittest.skipIf(SMALL, "one Python is enough to see it")


def run(*args, cwd=None, env=None):
    return subprocess.run([sys.executable, *args], cwd=cwd, timeout=PATIENCE, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)


class Examples(unittest.TestCase):

    def example(self, name, *args, says):
        ran = run(os.path.join(PYTHON, "examples", name), *args)
        self.assertEqual(0, ran.returncode, ran.stdout)
        self.assertRegex(ran.stdout, says)

    @needs_numpy
    def test_numpy_example_runs(self):
        self.example("example_numpy.py", "30", says=r"^10 readers saw 60 matrices of 25 x 100 each\n$")

    def test_ctypes_example_runs(self):
        self.example("example_ctypes.py", "50", says=r"^(50 records, \d+ samples\n){2}$")

    @needs_numpy
    def test_camera_example_runs(self):
        self.example("example_camera.py", "3", says=r"3 frames of 1920 x 1080 in .* frames/s")

    def test_asyncio_example_runs(self):
        self.example("example_asyncio.py", "20", says="3 clients saw 60 lines each\n")

    @needs_numpy
    def test_spectrum_example_runs(self):
        if not importlib.util.find_spec("matplotlib"):
            self.skipTest("matplotlib is not installed for this Python")
        if not os.path.isdir(SOUNDS):
            self.skipTest("alsa-utils is not installed")
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out.png")
            self.example("example_spectrum.py", out, os.path.join(SOUNDS, "Front_Center.wav"),
                         says=r"\d+ spectra of 1 recordings")
            with open(out, "rb") as f:
                self.assertEqual(b"\x89PNG", f.read(4))


class PerfTest(unittest.TestCase):
    """The five examples of the original perf test, with a shorter duration."""

    # Emulated machines copy slowly, and one Python at full size is enough.
    scale = 100 if on_module() or SMALL else 1
    many = 20 if SMALL else 100

    def perf(self, size, *args):
        ran = run(os.path.join(PYTHON, "perf_test_ringbuffer.py"), "--debug",
                  "--slot-bytes=%d" % (size // self.scale), "--duration-seconds=0.5", *args)
        self.assertEqual(0, ran.returncode, ran.stdout)
        figures = re.findall(r"^(Writer|Reader \d+): (\d+) slots in .* MBytes/s, .* slots/s, .*%"
                             r" relative to target", ran.stdout, re.M)
        slots = [int(n) for _, n in figures]
        self.assertGreater(slots[0], 0)
        self.assertEqual(1, len(set(slots)), ran.stdout)  # nothing is lost
        return len(slots) - 1

    @one_python
    def test_example_1_loses_nothing(self):
        self.assertEqual(5, self.perf(1000000, "--slots=50", "--writes-per-second=24",
                                      "--readers=5"))

    def test_example_2_has_many_readers(self):
        self.assertEqual(self.many, self.perf(1000000, "--slots=10", "--writes-per-second=24",
                                              "--readers=%d" % self.many))

    @one_python
    def test_example_3_has_a_high_rate(self):
        self.assertEqual(1, self.perf(1000000, "--slots=10", "--writes-per-second=2000",
                                      "--readers=1"))

    @one_python
    def test_example_4_has_large_slots(self):
        self.assertEqual(1, self.perf(100000000, "--slots=3", "--writes-per-second=24",
                                      "--readers=1", "--no-verify_writes"))

    def test_example_5_has_slow_readers(self):
        self.assertEqual(4, self.perf(1000000, "--slots=10", "--writes-per-second=24",
                                      "--readers=4", "--reader-burn-cpu-milliseconds=%d" %
                                      (100 if self.scale == 1 else 20)))

    def test_wrong_arguments_are_refused(self):
        good = ["--slot-bytes=100", "--slots=2", "--duration-seconds=1", "--writes-per-second=10",
                "--readers=1"]
        program = os.path.join(PYTHON, "perf_test_ringbuffer.py")
        for wrong in (good[1:], good + ["--slots=0"], good + ["--slot-bytes=3"],
                      good + ["--readers=-1"], good + ["--writes-per-second=0"],
                      good + ["--slot-bytes=x"], good + ["--slot-bytes=1000000000000"]):
            ran = run(program, *wrong)
            self.assertNotEqual(0, ran.returncode, wrong)
            self.assertNotIn("Traceback", ran.stdout)


class Readme(unittest.TestCase):

    def test_programs_of_the_readme_print_what_it_says(self):
        with open(os.path.join(PYTHON, "README.md")) as f:
            programs = re.findall(r"^```python\n(.*?)^```$", f.read(), re.M | re.S)
        self.assertEqual(2, len(programs))
        for method in METHODS:
            for program, says in zip(programs, ("b'hello'\nb'world'\n", "")):
                with self.subTest(method=method), tempfile.TemporaryDirectory() as folder:
                    path = os.path.join(folder, "program.py")
                    with open(path, "w") as f:
                        f.write("import multiprocessing\nif __name__ == '__main__':\n"
                                "    multiprocessing.set_start_method(%r)\n%s" % (method, program))
                    ran = run("-X", "dev", path)
                    self.assertEqual((0, says), (ran.returncode, ran.stdout))


class Package(unittest.TestCase):

    def setUp(self):
        if (run("-c", "import setuptools, wheel").returncode or
                run("-m", "pip", "-V").returncode or sys.version_info < (3, 9)):
            self.skipTest("pip, setuptools and wheel are not all installed for this Python")
        if not shutil.which("gcc"):
            self.skipTest("nothing can be built here")

    def pip(self, *args, into=sys.executable):
        ran = run("-m", "pip", "--python", into, *args[:1], "--no-build-isolation", "--no-deps", "--no-index",
                  *args[1:])
        self.assertEqual(0, ran.returncode, ran.stdout)

    def empty_environment(self, folder):
        """Return the Python of a new virtual environment, which has only the standard library."""
        ran = run("-m", "venv", "--without-pip", folder)
        self.assertEqual(0, ran.returncode, ran.stdout)
        return os.path.join(folder, "bin", "python")

    @staticmethod
    def tree():
        """Return the files of the source tree, without those that make or Python has made."""
        return {os.path.join(folder, name)
                for part in ("lib", "include", os.path.join("kmod", "engine"))
                for folder, _, names in os.walk(os.path.join(TOP, part))
                for name in names if not name.endswith(".pyc")}

    @one_python
    def test_source_distribution_builds_away_from_the_tree(self):
        before = self.tree()
        with tempfile.TemporaryDirectory() as folder:
            ran = run("-c", "import sys\nfrom setuptools import build_meta\n"
                      "build_meta.build_sdist(sys.argv[1])", folder, cwd=PYTHON)
            self.assertEqual(0, ran.returncode, ran.stdout)
            self.assertEqual(before, self.tree())
            [archive] = os.listdir(folder)
            self.pip("wheel", "-w", folder, os.path.join(folder, archive))
            [wheel] = [name for name in os.listdir(folder) if name.endswith(".whl")]
            self.assertRegex(wheel, r"-manylinux_2_\d+_\w+\.whl$")     # others PyPI refuses
            python = self.empty_environment(os.path.join(folder, "environment"))
            self.pip("install", os.path.join(folder, wheel), into=python)
            says = subprocess.check_output(
                [python, "-I", "-c", "import ringbuffer; ringbuffer.Ring.create(8, 1); "
                 "print(ringbuffer.__version__)"], cwd=folder, timeout=PATIENCE,
                universal_newlines=True)
            self.assertEqual(ringbuffer.__version__ + "\n", says)

    def test_pip_installs_and_leaves_nothing_in_the_tree(self):
        before = self.tree()
        with tempfile.TemporaryDirectory() as folder:
            self.pip("install", "--target", folder, PYTHON)
            self.assertEqual(before, self.tree())
            env = dict(os.environ, PYTHONPATH=folder)
            ran = run("-c", "import ringbuffer as r; ring = r.Ring.create(8, 2); "
                      "reader = ring.reader(); ring.writer().write(b'1'); "
                      "print(reader.read(), r.__file__)", cwd=folder, env=env)
            self.assertEqual("b'1' %s\n" % os.path.join(folder, "ringbuffer", "__init__.py"),
                             ran.stdout)
            self.assertTrue(os.path.exists(os.path.join(folder, "ringbuffer", "py.typed")))
            self.assertTrue(os.path.exists(os.path.join(folder, "ringbuffer", "_ringbuf.pyi")))


class Types(unittest.TestCase):
    """The package has all names that it exports, and no public function without types.

    selftests/lint compares the stub of the extension with the extension.
    """

    def test_everything_is_exported(self):
        for name in ringbuffer.__all__:
            self.assertTrue(hasattr(ringbuffer, name), name)

    @staticmethod
    def functions(cls):
        """The public functions that cls itself defines in Python, properties included."""
        for name, member in vars(cls).items():
            member = getattr(member, "__func__", getattr(member, "fget", member))
            if not name.startswith("_") or name in ("__init__", "__enter__", "__exit__",
                                                    "__getitem__", "__setitem__", "__len__"):
                if inspect.isfunction(member):
                    yield name, member

    def test_every_public_function_is_annotated(self):
        from ringbuffer import aio
        checked = 0
        for cls in [*vars(ringbuffer).values(), *vars(aio).values()]:
            if not inspect.isclass(cls) or not cls.__module__.startswith("ringbuffer"):
                continue
            if cls.__name__.startswith("_") or issubclass(cls, tuple):
                continue
            for name, function in self.functions(cls):
                says = inspect.signature(function)
                missing = [p.name for p in list(says.parameters.values())
                           if p.annotation is p.empty and p.name not in ("self", "cls")]
                if says.return_annotation is says.empty:
                    missing.append("return")
                self.assertEqual([], missing, "%s.%s" % (cls.__name__, name))
                checked += 1
        self.assertGreater(checked, 50)


if __name__ == "__main__":
    unittest.main()
