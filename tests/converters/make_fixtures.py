# SPDX-License-Identifier: MIT
"""Writes tests/converters/data/*.pt: small checkpoints as PyTorch itself writes them (made with 2.11.0).

    python make_fixtures.py DIRECTORY

The values are known by formula; torch_checkpoint_test.cpp holds the reader to them.
"""
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch


def state_dict():
    grid = torch.arange(24, dtype=torch.float32).reshape(2, 3, 2, 2) / 8 - 1
    base = torch.arange(10, dtype=torch.float32)
    d = OrderedDict()
    d["module.conv.weight"] = grid
    d["module.conv.bias"] = base[3:5]  # a view that starts inside its storage
    d["module.tied.weight"] = grid  # one storage, two names
    d["module.transposed"] = base[:6].reshape(2, 3).t()
    d["module.strided"] = base[1::2]
    d["module.expanded"] = torch.ones(1).expand(4)
    d["module.parameter"] = torch.nn.Parameter(torch.tensor([0.5, -2.0]))
    d["module.scalar"] = torch.tensor(7.0)
    d["module.empty"] = torch.zeros(0, 3)
    for name in ("float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"):
        d["module." + name] = torch.tensor([0, 1, 3]).to(getattr(torch, name))
    d._metadata = OrderedDict({"": {"version": 1}})
    return d


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state_dict(), folder / "zip.pt")
    torch.save(state_dict(), folder / "stream.pt", _use_new_zipfile_serialization=False)
    nested = {"epoch": 3, "rate": 0.25, "done": False, "note": "first", "model": state_dict(), "list": [torch.ones(2)]}
    torch.save(nested, folder / "nested_protocol4.pt", pickle_protocol=4)
    torch.save(torch.nn.Conv2d(1, 1, 1), folder / "module.pt")  # a whole object: refused
    with zipfile.ZipFile(folder / "zip.pt") as stored:
        entries = [(i.filename, stored.read(i)) for i in stored.infolist()]
    with zipfile.ZipFile(folder / "deflated.pt", "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in entries:
            out.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(folder / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(zipfile.ZipInfo("bomb/data/0", (1980, 1, 1, 0, 0, 0)), bytes(8 << 20), zipfile.ZIP_DEFLATED)
        out.writestr(zipfile.ZipInfo("bomb/data.pkl", (1980, 1, 1, 0, 0, 0)), entries[0][1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
