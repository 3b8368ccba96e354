# SPDX-License-Identifier: MIT
"""Writes the checkpoints that the authors of PVDNet and Motion-ETR published, by name and shape, as PyTorch does.

    python make_official.py DIRECTORY

makes DIRECTORY/{zip,stream}/{BIMNet,PVDNet_DVD,PVDNet_nah,PVDNet_large_nah}.pytorch and latest_net_{offset,deblur}.pth,
with the parameters of the golden cases, and DIRECTORY/zip/spoiled.pytorch, which lacks one tensor, has one too many and
one of a wrong shape. Names and shapes are written down a second time, here and in motion-etr/state-dict.json, so that
the graphs are not checked against themselves.
"""
import json
import sys
from collections import OrderedDict
from math import prod, sqrt
from pathlib import Path

import torch


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def fill(name, shape, gain):
    """tests/golden/fill.cpp in int64 arithmetic, which wraps around as uint64 does."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    z = (torch.arange(prod(shape)) + 1) * signed(0x9E3779B97F4A7C15) + signed(key)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> shift & (1 << 64 - shift) - 1)) * signed(factor)
    z = z ^ (z >> 31 & (1 << 33) - 1)
    unit = (z >> 40 & (1 << 24) - 1).double() / (1 << 23) - 1
    scale = 0.05 if len(shape) == 1 else gain * sqrt(3 / prod(shape[1:]))
    return (scale * unit).float().reshape(shape)


def layer(name, shape):
    return [(name + ".weight", shape), (name + ".bias", shape[:1])]


def chain(name, channels, kernels, step=2):
    out = []
    for i, kernel in enumerate(kernels):
        out += layer(f"{name}.{i * step}", (channels[i + 1], channels[i], kernel, kernel))
    return out


def bimnet():
    out = layer("moduleFeatures.moduleOne.0", (32, 3, 7, 7))
    for level, channels in (("Two", (32, 32, 32, 32)), ("Thr", (32, 64, 64)), ("Fou", (64, 96, 96)), ("Fiv", (96, 128)),
                            ("Six", (128, 192))):
        out += chain("moduleFeatures.module" + level, channels, (3,) * (len(channels) - 1))
    for i, k in enumerate((7, 5, 5, 3, 3)):
        matching, subpixel, smoothing = (f"module{s}.{i}" for s in ("Matching", "Subpixel", "Regularization"))
        if i == 0:
            out += layer(matching + ".moduleFeat.0", (64, 32, 1, 1)) + layer(subpixel + ".moduleFeat.0", (64, 32, 1, 1))
        if i < 4:
            out.append((matching + ".moduleUpflow.weight", (2, 1, 4, 4)))
        if i < 2:
            out.append((matching + ".moduleUpcorr.weight", (49, 1, 4, 4)))
        out += chain(matching + ".moduleMain", (49, 128, 64, 32, 2), (3, 3, 3, k))
        out += chain(subpixel + ".moduleMain", ((130, 130, 194, 258, 386)[i], 128, 64, 32, 2), (3, 3, 3, k))
        if i < 3:
            out += layer(smoothing + ".moduleFeat.0", (128, (32, 64, 96)[i], 1, 1))
        out += chain(smoothing + ".moduleMain", ((131, 131, 131, 131, 195)[i], 128, 128, 64, 64, 32, 32), (3,) * 6)
        if i < 3:
            out += layer(smoothing + ".moduleDist.0", (k * k, 32, k, 1)) + layer(smoothing + ".moduleDist.1", (k * k, k * k, 1, k))
        else:
            out += layer(smoothing + ".moduleDist.0", (9, 32, 3, 3))
        for scale in ("X", "Y"):
            name = f"{smoothing}.moduleScale{scale}"
            out += [(name + ".weight", (1, k * k, 1, 1)), (name + ".bias", (1,))]
    return out


def pvdnet(r, blocks):
    out = chain("PV_dec", (25, 64, 64), (3, 3)) + chain("img_dec", (9, 32, 32), (3, 3))
    out += layer("d0", (64, 96, 5, 5)) + chain("d1", (64, 64, 64), (5, 5)) + chain("temp", (64, 128, r), (5, 5))
    for i in range(blocks):
        out += chain(f"RBs.{i}", (r, r, r), (3, 3))
    out += layer("RB_end.0", (r, r, 3, 3))
    for i, channels in ((1, r), (2, 64)):
        out += [(f"dconv{i}.weight", (channels, 64, 4, 4)), (f"dconv{i}.bias", (64,))]
        out += layer(f"dconv{i}_end.1", (64, 64, 5, 5))
    return out + layer("end", (3, 64, 5, 5))


def system(r, blocks, gain):
    parts = [("BIMNet." + name, shape, 1.5) for name, shape in bimnet()]
    parts += [("PVDNet." + name, shape, gain) for name, shape in pvdnet(r, blocks)]
    return OrderedDict((name, fill(name, shape, g)) for name, shape, g in parts)


def motion_etr(entries, gain_of):
    """Every entry in file order; those with a second name share the tensor."""
    tensors = OrderedDict()
    for entry in entries:
        name, shape = entry["name"], tuple(entry["shape"])
        if "alias_of" in entry:
            tensors[name] = tensors[entry["alias_of"]]
        else:
            tensors[name] = fill(name, shape, gain_of(name)) if shape else torch.tensor(0.08)
    return tensors


def main(folder):
    published = system(128, 12, 1.05)
    large = system(192, 24, 0.9)
    wrapped = lambda tensors: OrderedDict(("module." + name, tensor) for name, tensor in tensors.items())
    flow = OrderedDict((n.removeprefix("BIMNet."), t) for n, t in published.items() if n.startswith("BIMNet."))
    files = {"BIMNet": flow, "PVDNet_DVD": wrapped(published), "PVDNet_nah": wrapped(published),
             "PVDNet_large_nah": wrapped(large)}
    files = {name + ".pytorch": tensors for name, tensors in files.items()}
    official = json.loads(Path(__file__).with_name("motion-etr").joinpath("state-dict.json").read_text())
    files["latest_net_offset.pth"] = motion_etr(official["net_offset (quad, bilin)"], lambda _: 1.33)
    files["latest_net_deblur.pth"] = motion_etr(official["net_deblur (quad, bilin)"],
                                                lambda name: 1.3 if name.startswith("offset_net.") else 0.8)
    for name, tensors in files.items():
        tensors._metadata = OrderedDict({"": {"version": 1}})
        for container in ("zip", "stream"):
            (folder / container).mkdir(parents=True, exist_ok=True)
            torch.save(tensors, folder / container / name, _use_new_zipfile_serialization=container == "zip")
    spoiled = wrapped(published)
    del spoiled["module.PVDNet.d0.bias"]
    spoiled["module.PVDNet.stray"] = torch.zeros(1)
    spoiled["module.PVDNet.end.bias"] = torch.zeros(4)
    torch.save(spoiled, folder / "zip" / "spoiled.pytorch")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
