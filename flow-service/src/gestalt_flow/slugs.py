"""The file a flow lies in, by its id (reference, flow §4.3)."""

from __future__ import annotations

import re

SUFFIX = ".flow.yaml"
LONGEST_SLUG = 200  # a file name has 255 bytes, and saving adds some


def slug_of(trigger_id: str) -> str:
    """Lower case letters, digits, `_` and single `-`; empty when nothing is left."""
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9_-]+", "-", trigger_id.strip().lower())).strip("-")


def file_name(slug: str) -> str:
    """The managed file of a slug."""
    return slug + SUFFIX
