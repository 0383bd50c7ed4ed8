"""A GPU to test with where there is none: tensors that say they lie on one, computed with on the CPU.

A real GPU refuses what a CPU lets pass: tensors on two devices in one operation, a generator of another device, numpy, and,
where it is Apple's, double precision. So do these tensors. Unlike those of torch's FakeTensorMode they hold numbers, so that
code which looks at its results runs too, and what comes out can be compared.

Their device is called `lazy`, the one kind that torch differentiates on without a driver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)

BETWEEN_DEVICES = ("_to_copy", "copy_", "_copy_from", "set_")
INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")


class Pretended(Tensor):
    """A tensor whose `held` numbers lie on the CPU while it says that it lies on `DEVICE`."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Pretended:
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        made = Tensor._make_wrapper_subclass(cls, held.shape, **layout, device=DEVICE)
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _computed(operation, args, kwargs or {}, has_double=True)

    def tolist(self) -> list:
        return self.held.tolist()

    def __repr__(self) -> str:
        return f"{self.held!r} as on {DEVICE}"


_GENERATORS: dict[int, torch.device] = {}
"""Where generators say that they lie: operations are given them without their Python side."""


class PretendedGenerator(torch.Generator):
    """One that says that it lies where it was asked for."""

    def __new__(cls, device: torch.device | str = "cpu") -> PretendedGenerator:
        made = super().__new__(cls)
        _GENERATORS[made._cdata] = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return _GENERATORS[self._cdata]


class _Mode(TorchDispatchMode):
    """Makes new tensors `Pretended` where they are asked for on `DEVICE`, and refuses what a device refuses."""

    def __init__(self, has_double: bool) -> None:
        super().__init__()
        self.has_double = has_double

    @classmethod
    def is_infra_mode(cls) -> bool:
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # which would load a compiler

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _computed(operation, args, kwargs or {}, self.has_double)


def _computed(operation: Any, args: tuple, kwargs: dict, has_double: bool) -> Any:
    """What an operation gives, on the device that it would be on."""
    name = operation.overloadpacket.__name__
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    pretended = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, Pretended)}
    asked = kwargs.get("device")
    there = bool(pretended) if asked is None else torch.device(asked).type == DEVICE.type
    _refuse(name, args, tensors, bool(pretended))
    for leaf in leaves:
        if isinstance(leaf, torch._C.Generator):
            place = _GENERATORS.get(leaf._cdata, leaf.device)
            if (place.type == DEVICE.type) != there:
                raise RuntimeError(f"Expected a {DEVICE.type if there else 'cpu'} device type for generator but found {place}")
    held_args, held_kwargs = (tree_map(lambda x: x.held if isinstance(x, Pretended) else x, part) for part in (args, kwargs))
    if asked is not None:
        held_kwargs["device"] = torch.device("cpu")
    if name == "_efficientzerotensor":  # of which nothing can be held
        operation = torch.ops.aten.zeros.default
    result = operation(*held_args, **held_kwargs)
    on_cpu = name in BETWEEN_DEVICES and not isinstance(args[0], Pretended) and asked is None

    def laid_out(value: object) -> object:
        is_double = isinstance(value, Tensor) and value.dtype == torch.float64
        if is_double and (pretended or there) and not has_double:  # not even on the way to the CPU
            raise TypeError(f"Cannot convert to float64, which this device does not have ({name}).")
        if not isinstance(value, Tensor) or not there or on_cpu:
            return value
        return pretended[id(value)] if id(value) in pretended else Pretended(value)

    return tree_map(laid_out, result)


def _refuse(name: str, args: tuple, tensors: list[Tensor], there: bool) -> None:
    """Raise as torch does where an operation meets tensors on two devices; a number may lie on the CPU."""
    if not there or name in BETWEEN_DEVICES:
        return
    elsewhere = [tensor for tensor in tensors if not isinstance(tensor, Pretended) and tensor.dim() > 0]
    if name in INDEXED and isinstance(args[0], Pretended):  # its indices may lie on the CPU
        elsewhere = [tensor for tensor in args[2:3] if not isinstance(tensor, Pretended) and tensor.dim() > 0]
    if elsewhere:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {DEVICE} and cpu in {name}.")


@contextlib.contextmanager
def a_gpu(has_double: bool = True) -> Iterator[torch.device]:
    """A device to make tensors on meanwhile; without `has_double` it is like Apple's."""

    def autocast(kind: str, *words: Any, **options: Any) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext() if kind == DEVICE.type else real_autocast(kind, *words, **options)

    real_autocast, before = torch.autocast, torch._C._only_lift_cpu_tensors()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with mock.patch.multiple(torch, Generator=PretendedGenerator, autocast=autocast), _Mode(has_double):
            yield DEVICE
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
        torch.__future__.set_overwrite_module_params_on_conversion(False)
