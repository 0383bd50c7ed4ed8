"""The command line: python -m vae train | steer | evaluate | diffuse | list | download | thin."""

from __future__ import annotations

import warnings

from vae.cli.commands import main
from vae.training.distributed import leave

if __name__ == "__main__":
    warnings.formatwarning = lambda message, *where: f"vae: {message}\n"
    leave(main())
