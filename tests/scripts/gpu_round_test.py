# SPDX-License-Identifier: MIT
"""scripts/gpu_round.py on a package of shell scripts: what it records, when it stops, and its exit code."""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = SOURCE / "scripts/gpu_round.py"
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
        self.program("bin/unblur", """echo '{"devices": [{"name": "Some GPU", "driver": "its driver 1.2", "chosen": true}], "verb": "'$1'"}'""")
        code, report = self.stage("report")
        self.assertEqual(code, 0)
        self.assertEqual([j["data"]["verb"] for j in report["jobs"]], ["devices", "doctor"])
        text = subprocess.run([sys.executable, SCRIPT, "--merge", self.root / "round"], capture_output=True, text=True).stdout
        self.assertIn("Vulkan: Some GPU, its driver 1.2.", text)
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

    def test_networks_are_filled_as_golden_cases_are(self):
        self.program("bin/unblur-compare", """echo '{"examined": [], "arguments": "'"$*"'"}'""")
        self.program("python", f"echo {self.root}/torch")
        (self.root / "torch").mkdir()
        (self.root / "torch/version.py").write_text("__version__ = '1'")
        (self.root / "share/unblur/models").mkdir(parents=True)
        code, report = self.stage("compare", "--python", self.root / "python")
        self.assertEqual(code, 0)
        asked = [re.search(r"--network (\S+) --fill (\S+)", j["data"]["arguments"]).groups() for j in report["jobs"]]
        names = re.search(r"network_names\(\) \{(.*?)\n\}", (SOURCE / "runtime/networks/networks.cpp").read_text(), re.DOTALL)
        self.assertEqual({name for name, _ in asked}, set(re.findall(r'"([a-z-]+)"', names.group(1))))
        self.assertEqual(len(asked), 2 * len(dict(asked)))  # whole frames, and layers
        for name, file, keys in [("pvdnet", "pvdnet/deblur_step_64x64", ("gain_pvdnet", "gain_bimnet")),
                                 ("pvdnet-large", "pvdnet/deblur_step_large_64x64", ("gain_pvdnet", "gain_bimnet")),
                                 ("bimnet", "pvdnet/bimnet_64x96", ("gain_bimnet",)),
                                 ("motion-etr-quad", "motion-etr/offset-net-quad", ("gain",)),
                                 ("motion-etr-bilin", "motion-etr/offset-net-bilin", ("gain",)),
                                 ("motion-etr-lin", "motion-etr/offset-net-lin", ("gain",)),
                                 ("motion-etr-deblur", "motion-etr/motion-aware", ("gain_deblur_net", "gain_offset_net"))]:
            with open(SOURCE / f"tests/golden/{file}.safetensors", "rb") as case:
                metadata = json.loads(case.read(struct.unpack("<Q", case.read(8))[0]))["__metadata__"]
            self.assertEqual(dict(asked)[name], ",".join(metadata[k] for k in keys))

    def test_without_libtorch_its_jobs_are_skipped(self):
        self.program("tests/cuda_device_test", "exit 0")
        code, report = self.stage("cuda")
        self.assertEqual(code, 0)
        self.assertEqual({j["outcome"] for j in report["jobs"]}, {"skipped"})


if __name__ == "__main__":
    unittest.main()
