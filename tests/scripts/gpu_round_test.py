# SPDX-License-Identifier: MIT
"""scripts/gpu_round.py on a package of shell scripts: what it records, when it stops, and its exit code."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/gpu_round.py"
TESTED = """cat >"${1#--gtest_output=json:}" <<'JSON'
{"testsuites": [{"name": "S", "testsuite": [
  {"name": "good", "status": "RUN", "result": "COMPLETED"},
  {"name": "bad", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "1 is not 2"}]},
  {"name": "left", "status": "RUN", "result": "SKIPPED"}]}]}
JSON
exit 1"""


class GpuRound(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def program(self, name, body):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + body + "\n")
        path.chmod(0o755)

    def stage(self, name, *arguments):
        """Exit code and the stage's JSON."""
        command = [sys.executable, SCRIPT, "--stage", name, "--package", self.root, "--out", self.root / "round", "--python",
                   "no-such-python", *arguments]
        code = subprocess.run(command, capture_output=True).returncode
        return code, json.loads((self.root / f"round/{name}.json").read_text())

    def test_output_is_kept_and_merged(self):
        self.program("bin/unblur", """echo '{"devices": [{"name": "Some GPU", "chosen": true}], "verb": "'$1'"}'""")
        code, report = self.stage("report")
        self.assertEqual(code, 0)
        self.assertEqual([j["data"]["verb"] for j in report["jobs"]], ["devices", "doctor"])
        text = subprocess.run([sys.executable, SCRIPT, "--merge", self.root / "round"], capture_output=True, text=True).stdout
        self.assertIn("Some GPU (chosen)", text)
        self.assertIn("Stages that have no result: vulkan, cuda", text)

    def test_failed_tests_are_named(self):
        self.program("tests/device_test", TESTED)
        code, report = self.stage("vulkan")
        self.assertEqual(code, 1)
        job = report["jobs"][0]
        self.assertEqual((job["outcome"], job["tests"]["passed"], job["tests"]["failed"], job["tests"]["skipped"]),
                         ("failed", 1, ["S.bad"], ["S.left"]))
        # What the package lacks is no pass either.
        self.assertEqual({j["outcome"] for j in report["jobs"][1:]}, {"failed"})
        text = subprocess.run([sys.executable, SCRIPT, "--merge", self.root / "round"], capture_output=True, text=True).stdout
        self.assertIn("1 is not 2", text)

    def test_a_stage_ends_in_time(self):
        self.program("bin/unblur", "sleep 60")
        begin = time.monotonic()
        code, report = self.stage("report", "--minutes", "0.3")
        self.assertLess(time.monotonic() - begin, 45)
        self.assertEqual(code, 1)
        self.assertEqual([j["outcome"] for j in report["jobs"]], ["out of time", "not run"])

    def test_without_libtorch_its_jobs_are_skipped(self):
        self.program("tests/cuda_device_test", "exit 0")
        code, report = self.stage("cuda")
        self.assertEqual(code, 0)
        self.assertEqual({j["outcome"] for j in report["jobs"]}, {"skipped"})


if __name__ == "__main__":
    unittest.main()
