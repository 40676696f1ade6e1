"""Who computes: one contract, a device for the CPU."""

from __future__ import annotations

from gpumpi.device.base import Device
from gpumpi.errors import UserError

__all__ = ["Device", "open_device"]


def open_device(name: str) -> Device:
    """The device meant by ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    UserError
        If there is no such device, or this build cannot use it.
    """
    if name == "cuda":
        raise UserError(
            "device 'cuda' was asked for, and this version computes on the CPU only; use --device cpu or auto"
        )
    if name not in ("auto", "cpu"):
        raise UserError(f"device '{name}' is not one of auto, cpu, cuda")
    from gpumpi.device.host import HostDevice

    return HostDevice()
