"""The flows a new workspace begins with."""

from __future__ import annotations

from gestalt_flow.model import Binding, Flow, Trigger

DEFAULTS: tuple[Flow, ...] = (
    Flow(
        Trigger(
            id="default-file-changed",
            label="Default file changed toast",
            event_type="file-change",
            where={},
            match=[{"field": "path", "op": "glob", "value": "*/README.md"}],
        ),
        (Binding("toast_notification", {"level": "info", "message_template": "Changed {{path}}"}),),
    ),
)
