"""What is known about a vendor: where it is, how it is signed, what it speaks. Data; code only where data cannot say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from router.snapshot import Quirks
