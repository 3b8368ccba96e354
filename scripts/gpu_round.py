#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A round of everything on a GPU machine: docs/gpu-round.md.

  gpu_round.py --stage report|vulkan|cuda|compare|bench|train [--out DIR]   writes DIR/STAGE.json
  gpu_round.py --merge DIR                                                  prints the Markdown of all stages

--package DIR is a build tree, or a package of gpu_package.sh (default: the script's own folder). LibTorch is the machine's own,
found through its python3 and not imported. A stage ends before its minutes are over: what was left is listed as not run.
Exit code: 0 if nothing failed, 1 if something did, 2 for wrong usage.
"""
import argparse
import ctypes
import datetime
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time
import zlib

# Minutes. All but `train` together: 18.
MINUTES = {"report": 1, "vulkan": 6, "cuda": 3, "compare": 5, "bench": 3, "train": 9}
# The slow ones last, so that a stage out of time has run most of them.
VULKAN_TESTS = ["device_test", "selftest_test", "colour_test", "operators_vulkan_test", "convolution_test", "networks_test",
                "session_test", "tune_test", "motion_etr_test", "pvdnet_test"]
# Once more with bindings in place of buffer addresses, as ctest runs them.
STORAGE_BUFFER_TESTS = ["device_test", "colour_test", "operators_vulkan_test", "convolution_test", "networks_test", "session_test"]
MODELS = ("share/unblur/models", "bin/models")
# Gains of the golden cases; for networks without one those that keep values and motions within the same sizes. The second one is
# that of a motion branch with names of its own (runtime/networks/fill.h).
FILLS = {"rt": "1.05", "balanced": "1.05", "trajectory": "1.05", "bimnet": "1.5", "pvdnet-slim": "1.05,1.5",
         "motion-etr-quad": "1.33", "motion-etr-bilin": "1.33", "motion-etr-lin": "1.33", "motion-etr-deblur": "0.8,1.3",
         "pvdnet": "1.05,1.5", "pvdnet-large": "0.9,1.5"}
MOST_MINUTES = 9  # of a stage, whatever --minutes says
SPARE_SECONDS = 5  # to end a job and write the results
SHARDS = 12  # of each Vulkan test, one of which runs with --small


class Round:
    """One stage: runs its jobs, keeps what they say, and knows how much time is left."""

    def __init__(self, args):
        self.root = pathlib.Path(args.package or pathlib.Path(__file__).parent).resolve()
        self.out = pathlib.Path(args.out).resolve()
        self.small = args.small
        self.device = args.device
        self.jobs = []
        self.started = time.time()
        self.minutes = min(args.minutes or MINUTES[args.stage], MOST_MINUTES)
        self.deadline = time.monotonic() + 60 * self.minutes
        self.torch = find_torch(args.python)
        self.gpus = nvidia_gpus()
        self.no_cuda = (None if self.torch and self.gpus else
                        "no LibTorch beside " + args.python if not self.torch else "nvidia-smi finds no GPU")
        self.env = dict(os.environ, OMP_WAIT_POLICY="PASSIVE", XDG_CACHE_HOME=str(self.out / "cache"),
                        MESA_SHADER_CACHE_DIR=str(self.out / "cache/mesa"))
        (self.out / "cache/mesa").mkdir(parents=True, exist_ok=True)
        folders = [str(self.torch / "lib")] if self.torch else []
        try:
            ctypes.CDLL("libvulkan.so.1")
        except OSError:
            folders.append(str(self.root / "loader"))
        self.env["LD_LIBRARY_PATH"] = ":".join(filter(None, [*folders, os.environ.get("LD_LIBRARY_PATH")]))

    def find(self, *names):
        """A file of the package: the first that exists."""
        return next((self.root / n for n in names if (self.root / n).exists()), None)

    def run(self, name, command, env=None, torch=False, json_file=None):
        """Runs a program of the package and records it; returns its record. JSON comes from a file or from the end of the
        program's output."""
        job = {"name": name, "command": [str(c) for c in command]}
        self.jobs.append(job)
        left = self.deadline - time.monotonic() - SPARE_SECONDS
        program = self.find(f"bin/{command[0]}", f"tests/{command[0]}")
        if torch and not self.torch:
            return self.skip(job, "LibTorch is not installed here")
        if not program:
            return self.skip(job, f"{command[0]} is not in the package", "failed")
        if left < SPARE_SECONDS:
            return self.skip(job, "the stage's time is over", "not run")
        print(f"{name} ...", file=sys.stderr, flush=True)
        begin = time.monotonic()
        # A process group of its own: a child of a job that runs over time ends with it.
        process = subprocess.Popen([str(program), *job["command"][1:]], env=dict(self.env, **(env or {})), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, cwd=self.out, start_new_session=True)
        try:
            output = process.communicate(timeout=left)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0]
            job["outcome"] = "out of time"
        text = output.decode(errors="replace")
        job.setdefault("outcome", "passed" if process.returncode == 0 else "failed")
        job["exit"] = process.returncode
        job["seconds"] = round(time.monotonic() - begin, 2)
        job["data"] = read_json(json_file, text)
        if job["outcome"] != "passed":
            job["output"] = text[-4000:]
        print(f"    {job['outcome']} in {job['seconds']} s", file=sys.stderr, flush=True)
        return job

    @staticmethod
    def skip(job, reason, outcome="skipped"):
        job.update(outcome=outcome, reason=reason, seconds=0)
        print(f"{job['name']}: {outcome}, {reason}", file=sys.stderr, flush=True)
        return job

    def tests(self, name, program, env, torch=False):
        """A GoogleTest program; its own list of failures and skips is kept."""
        listing = self.out / f"{name}.gtest.json"
        listing.unlink(missing_ok=True)
        job = self.run(name, [program, f"--gtest_output=json:{listing}", "--gtest_brief=1"], env, torch,
                       listing)
        found = job.pop("data", None)
        if not found:
            return
        cases = [dict(c, suite=s["name"]) for s in found["testsuites"] for c in s["testsuite"]]
        ran = [c for c in cases if c.get("result") != "SKIPPED" and c.get("status") == "RUN"]
        failed = [c for c in ran if c.get("failures")]
        skipped = [f"{c['suite']}.{c['name']}" for c in cases if c.get("result") == "SKIPPED"]
        job["tests"] = {"passed": len(ran) - len(failed), "failed": [f"{c['suite']}.{c['name']}" for c in failed],
                        "skipped": skipped,
                        "messages": [c["failures"][0]["failure"][:600] for c in failed][:20]}
        if not ran and skipped and job["outcome"] == "passed":
            job["outcome"], job["reason"] = "skipped", "every test skipped itself"

    def finish(self, stage):
        report = {"stage": stage, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                  "small": self.small, "minutes": self.minutes, "seconds": round(time.time() - self.started, 1),
                  "machine": machine(self), "jobs": self.jobs}
        (self.out / f"{stage}.json").write_text(json.dumps(report, indent=1) + "\n")
        bad = [j["name"] for j in self.jobs if j["outcome"] in ("failed", "out of time")]
        print(f"{self.out / (stage + '.json')}: {len(self.jobs)} jobs, " + (f"failed: {', '.join(bad)}" if bad else "none failed"))
        return 1 if bad else 0


def find_torch(python):
    """LibTorch of an interpreter, not imported: that fails where one of its CUDA libraries is missing."""
    code = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    path = output_of([python, "-c", code]).strip()
    return pathlib.Path(path) if path else None


def nvidia_gpus():
    return output_of(["nvidia-smi", "--query-gpu=name,driver_version,memory.total,uuid",
                      "--format=csv,noheader"]).strip().splitlines()


def output_of(command):
    """What a program of the machine prints; nothing where it is absent or fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def machine(r):
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    version = r.torch and re.search(r"__version__ = '([^']*)'", (r.torch / "version.py").read_text())
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count(), "system": platform.platform(),
            "gpus": r.gpus, "libtorch": version.group(1) if version else None,
            "commit": commit_of(r.root)}


def commit_of(root):
    """What a package says, else the checkout around a build tree."""
    if (root / "COMMIT").exists():
        return (root / "COMMIT").read_text().strip()
    answer = output_of(["git", "-C", root, "describe", "--always", "--dirty"])
    return answer.strip() or None


def read_json(file, text):
    """A file's JSON, or the last object that begins a line of a text; None where there is none."""
    try:
        if file:
            return json.loads(pathlib.Path(file).read_text())
        starts = [m.start() for m in re.finditer(r"^\{", text, re.MULTILINE)]
        return json.JSONDecoder().raw_decode(text[starts[-1]:])[0] if starts else None
    except (OSError, ValueError):
        return None


def stage_report(r):
    r.run("devices", ["unblur", "devices", "--json"])
    r.run("doctor", ["unblur", "doctor", "--json"])


def stage_vulkan(r):
    env = {"UNBLUR_VALIDATION": "1"}
    if layers := r.find("layers"):
        env["VK_LAYER_PATH"] = str(layers)
    shard = {"GTEST_TOTAL_SHARDS": str(SHARDS), "GTEST_SHARD_INDEX": "0"} if r.small else {}
    for program in VULKAN_TESTS:
        r.tests(program.removesuffix("_test"), program, env | shard)
    for program in STORAGE_BUFFER_TESTS:
        r.tests(program.removesuffix("_test") + ", storage buffers", program, env | shard | {"UNBLUR_SSBO": "1"})


def stage_cuda(r):
    """Without a GPU the tests skip themselves, by name: that is what is recorded."""
    env = {"UNBLUR_TORCH_DEVICE": "cuda"}
    r.tests("kernels against the CPU form", "cuda_device_test", env, torch=True)
    env["GTEST_FILTER"] = "*/warp:*/correlation:*/pixel_volume:*/deform_conv2d"
    r.tests("kernels against float64 loops", "operators_torch_test", env, torch=True)


def stage_compare(r):
    """Whole frames of every network first, then their layers, so that a stage out of time has run the former."""
    reference = "torch:cpu" if r.no_cuda else "torch:cuda"
    clip = r.out / "compare.y4m"
    write_pattern(clip, *((96, 64) if r.small else (640, 360)), 6)
    sources = [([str(m)], m.stem) for m in sorted(r.find(*MODELS).glob("*.safetensors"))]
    sources += [(["--network", n, "--fill", gains], f"{n}, filled") for n, gains in FILLS.items()]
    forms = [("", f"{reference},{r.device}+fp32,{r.device}+fp16", ["--frames", "2" if r.small else "5"]),
             (", layers", f"{reference},{r.device}", ["--layers", "--frames", "1" if r.small else "2"])]
    for form, backends, options in forms:
        for source, name in sources:
            r.run(name + form, ["unblur-compare", *source, clip, "--backends", backends, *options, "--json"], torch=True)


def stage_bench(r):
    width, height = (96, 64) if r.small else (1280, 720)
    frames = "4" if r.small else "60"
    device = r.device.partition(":")[2]
    for precision in ("fp32", "fp16"):
        r.run(f"unblur-rt {width}x{height} {precision}",
              ["unblur", "benchmark", "-m", "unblur-rt", "-d", device, "--size", f"{width}x{height}", "--frames",
               frames, "--precision", precision, "--nodes", "--json"])
    operators = r.out / "operators.json"
    operators.unlink(missing_ok=True)
    r.run("operators of rt", ["unblur_bench", "--device", device, "--width", str(width), "--height", str(height),
                              "--rounds", "1" if r.small else "9", "--json", operators], json_file=operators)
    clip = r.out / "bench.y4m"
    write_pattern(clip, width, height, 12)
    reference = "torch:cpu" if r.no_cuda else "torch:cuda"
    model = r.find(*MODELS) / "unblur-rt.safetensors"
    r.run(f"unblur-rt {width}x{height}: {reference} and {r.device}, times of both",
          ["unblur-compare", model, clip, "--backends", f"{reference},{r.device}", "--frames",
           "2" if r.small else "12", "--json"], torch=True)
    clip.unlink()


def stage_train(r, photos):
    """Trains rt on synthesised clips for most of the stage; throughput is what the run's own log says."""
    if not photos:
        photos = r.out / "photos"
        write_photos(photos, 16 if r.small else 40)
    folder = r.out / "train"
    shutil.rmtree(folder, ignore_errors=True)
    device = "cpu" if r.no_cuda else "cuda"
    small = ["--set", "validation.clips=2", "--set", "motion.batch=2"] if r.small else []
    job = r.run(f"rt on {device}",
                ["unblur-train", "run", r.find("data/rt.toml", "../../training/configs/rt.toml"), "--set", f"data.photos={photos}", "--set",
                 f"directory={folder}", "--set", f"device={device}", *small, "--time-budget", "0.6" if r.small else "6"],
                torch=True)
    log = folder / "train.jsonl"
    if log.exists():
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        last = rows[-1] if rows else {}
        if last.get("seconds"):
            job["data"] = {"device": device, "iterations": last["iteration"], "clips": last["clips"], "seconds": last["seconds"],
                           "clips_per_second": round(last["clips"] / last["seconds"], 3),
                           "gain_db": last.get("gain_db"), "epe": last.get("epe"), "epe_zero": last.get("epe_zero")}


def write_pattern(path, width, height, frames):
    """A y4m of moving stripes and steps: every scale of motion, nothing flat."""
    with open(path, "wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for t in range(frames):
            row = bytes((x * 3 + 5 * t) % 97 + ((x + 7 * t) // 13 % 2) * 60 for x in range(width))
            chroma = bytes(118 + (x // 9 + t) % 20 for x in range((width + 1) // 2))
            out.write(b"FRAME\n")
            for y in range(height):
                shift = (y * 2 - 3 * t) % width
                out.write(row[shift:] + row[:shift])
            out.write(chroma * (2 * ((height + 1) // 2)))


def write_photos(folder, count):
    """Pictures with edges of many contrasts, for machines without photographs: enough to measure speed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    width, height = 640, 448
    for i in range(count):
        rows = [bytearray(width * 3) for _ in range(height)]
        for y in range(height):
            rows[y][:] = bytes((40 + y * 90 // height, 60, 90)) * width
        for _ in range(160):
            w, h = rng.randint(4, 160), rng.randint(4, 120)
            x, y = rng.randint(0, width - w), rng.randint(0, height - h)
            colour = bytes(rng.randint(0, 255) for _ in range(3)) * w
            for line in rows[y:y + h]:
                line[3 * x:3 * (x + w)] = colour
        raw = b"".join(b"\0" + bytes(line) for line in rows)
        chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
        (folder / f"{i:02}.png").write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b""))


def describe(job):
    """What a job found, in a table cell."""
    tests, data = job.get("tests"), job.get("data") or {}
    if tests:
        return f"{tests['passed']} passed, {len(tests['failed'])} failed, {len(tests['skipped'])} skipped"
    if "clips_per_second" in data:
        return f"{data['clips_per_second']} clips/s over {data['seconds']:.0f} s, {data['iterations']} iterations"
    if "benchmark" in data:
        b = data["benchmark"]
        return f"{b.get('fps', 0):.2f} fps" if isinstance(b.get("fps"), (int, float)) else "see JSON"
    if "devices" in data:
        return "; ".join(d["name"] + (" (chosen)" if d["chosen"] else "") for d in data["devices"])
    if "ceiling_gflops" in data:
        return f"{len(data['rows'])} layers; multiply-adds alone reach {data['ceiling_gflops']:.0f} GFLOP/s"
    if "examined" in data:
        return "; ".join(describe_examined(e) for e in data["examined"])
    return job.get("reason", "")


def describe_examined(e):
    """One backend beside the reference: how far its first output is off, its layers or its time, and the verdict."""
    worst = [f["outputs"][0]["relative"] for f in e["frames"]]
    text = f"{e['backend']} " + ("not finite" if None in worst else f"{max(worst, default=0):.2g} of the largest value")
    if layers := e["layers"]:
        text += f", {len(layers['layers'])} layers"
    else:
        times = [statistics.median(f["ms"][side] for f in e["frames"]) for side in (0, 1)]
        text += f", {times[1]:.1f} ms (reference {times[0]:.1f})"
    return text if e["ok"] else f"{text}: **{e['verdict']}**".replace("|", "/")


def merge(folder):
    stages = [json.loads((folder / f"{s}.json").read_text()) for s in MINUTES if (folder / f"{s}.json").exists()]
    if not stages:
        sys.exit(f"gpu_round.py: no results in {folder}")
    m = stages[0]["machine"]
    devices = [d for s in stages for j in s["jobs"] for d in (j.get("data") or {}).get("devices", []) if d["chosen"]]
    lines = ["# GPU round", "", f"{stages[0]['date'][:10]}, commit {m['commit']}. {', '.join(m['gpus']) or 'No NVIDIA GPU'}; "
             f"{m['cpu']}, {m['cores']} cores; {m['system']}; LibTorch {m['libtorch'] or 'not installed'}."]
    if devices:
        lines[-1] += f" Vulkan: {devices[0]['name']}, {devices[0]['driver']}."
    if any(s["small"] for s in stages):
        lines += ["", "Made with `--small`: a trial of the script, not a measurement."]
    for s in stages:
        lines += ["", f"## {s['stage']}", "", f"{s['seconds']:.0f} s of {s['minutes']:g} min.", "",
                  "| what | outcome | seconds | found |", "| --- | --- | --- | --- |"]
        lines += [f"| {j['name']} | {j['outcome']} | {j['seconds']} | {describe(j)} |" for j in s["jobs"]]
        for j in s["jobs"]:
            for name, text in zip(j.get("tests", {}).get("failed", []), j.get("tests", {}).get("messages", [])):
                lines += ["", f"Failed: `{name}`", "", "```", text.strip(), "```"]
            if j["outcome"] in ("failed", "out of time") and "tests" not in j and j.get("output"):
                lines += ["", f"Output of {j['name']}:", "", "```", j["output"].strip()[-1500:], "```"]
    left = [f"{s}" for s in MINUTES if s not in [x["stage"] for x in stages]]
    if left:
        lines += ["", f"Stages that have no result: {', '.join(left)}."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=MINUTES)
    parser.add_argument("--merge", metavar="DIR", help="print the Markdown of the stages in this folder")
    parser.add_argument("--out", default="round", help="folder for results (default ./round)")
    parser.add_argument("--package", help="folder with bin/ and tests/ (default: the script's own)")
    parser.add_argument("--minutes", type=float, help=f"in place of the stage's own limit, at most {MOST_MINUTES}")
    parser.add_argument("--python", default="python3", help="interpreter whose LibTorch is used")
    parser.add_argument("--device", default="vulkan:0", help="Vulkan device, as unblur-compare names it")
    parser.add_argument("--photos", help="sharp photographs for `train` (default: drawn pictures)")
    parser.add_argument("--small", action="store_true", help="tiny sizes and a part of the tests: a trial of this script")
    args = parser.parse_args()
    if (args.stage is None) == (args.merge is None):
        parser.error("one of --stage and --merge is needed")
    if args.merge:
        sys.stdout.write(merge(pathlib.Path(args.merge)))
        return 0
    r = Round(args)
    if args.stage == "train":
        stage_train(r, args.photos and pathlib.Path(args.photos).resolve())
    else:
        globals()[f"stage_{args.stage}"](r)
    return r.finish(args.stage)


if __name__ == "__main__":
    sys.exit(main())
