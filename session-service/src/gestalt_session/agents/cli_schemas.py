"""The configuration keys of the programs whose command lines we make, as data (reference, agents §3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from gestalt_session.agents.schema import (
    BOOL,
    INT,
    STRING,
    STRINGS,
    TABLE,
    Fields,
    Kind,
    either,
    enum,
    fields,
    map_of,
)

CODEX_STRINGS = (
    "model review_model model_provider instructions developer_instructions compact_prompt cwd profile codex_home "
    "codex_linux_sandbox_exe model_reasoning_effort model_reasoning_summary model_verbosity chatgpt_base_url "
    "forced_chatgpt_workspace_id forced_login_method oss_provider experimental_instructions_file "
    "experimental_compact_prompt_file"
)
CODEX_INTS = "model_context_window model_auto_compact_token_limit project_doc_max_bytes tool_output_token_limit"
CODEX_BOOLS = (
    "hide_agent_reasoning show_raw_agent_reasoning model_supports_reasoning_summaries check_for_update_on_startup "
    "disable_paste_burst windows_wsl_setup_acknowledged experimental_use_unified_exec_tool "
    "experimental_use_freeform_apply_patch"
)
CODEX_TABLES = "sandbox_workspace_write shell_environment_policy history file_opener notice otel profiles"
TUI_INTS = (
    "scroll_events_per_tick scroll_wheel_lines scroll_trackpad_lines scroll_trackpad_accel_events "
    "scroll_trackpad_accel_max scroll_wheel_tick_detect_max_ms scroll_wheel_like_max_duration_ms"
)
COPILOT_LISTS = "add_dir additional_mcp_config allow_tool deny_tool disable_mcp_server"
COPILOT_BOOLS = (
    "allow_all_paths allow_all_tools banner continue disable_builtin_mcps disable_parallel_tools_execution "
    "disallow_temp_dir enable_all_github_mcp_tools no_color no_custom_instructions screen_reader"
)


def _all(names: str, kind: Kind) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


_TUI = fields(
    **_all("animations show_tooltips scroll_invert", BOOL),
    **_all(TUI_INTS, INT),
    notifications=either(BOOL, STRINGS),
    scroll_mode=STRING,
    alternate_screen=enum("auto", "always", "never"),
)
_GHOST = fields(ignore_large_untracked_files=INT, ignore_large_untracked_dirs=INT, disable_warnings=BOOL)

CODEX = fields(
    **_all(CODEX_STRINGS, STRING),
    **_all(CODEX_INTS, INT),
    **_all(CODEX_BOOLS, BOOL),
    **_all("project_doc_fallback_filenames project_root_markers", STRINGS),
    **_all(CODEX_TABLES, TABLE),
    **_all("mcp_servers model_providers", map_of(TABLE)),
    approval_policy=enum("never", "on-failure", "untrusted", "on-request"),
    sandbox_mode=enum("read-only", "workspace-write", "danger-full-access"),
    cli_auth_credentials_store=enum("file", "keyring", "auto"),
    mcp_oauth_credentials_store=enum("keyring", "file", "auto"),
    notify=either(STRING, STRINGS),
    features=map_of(BOOL),
    projects=map_of(fields(trust_level=STRING)),
    ghost_snapshot=_GHOST,
    analytics=fields(enabled=BOOL),
    feedback=fields(enabled=BOOL),
    tools=fields(web_search=BOOL, web_search_request=BOOL, view_image=BOOL),
    tui=_TUI,
)
COPILOT = fields(
    **_all(COPILOT_LISTS, STRINGS),
    **_all("agent log_dir prompt", STRING),
    **_all(COPILOT_BOOLS, BOOL),
    resume=either(BOOL, STRING),
    log_level=enum("none", "error", "warning", "info", "debug", "all", "default"),
    stream=enum("on", "off"),
    model=enum("claude-sonnet-4.5", "claude-sonnet-4", "claude-haiku-4.5", "gpt-5", grave=False),
)
SCHEMAS: Mapping[str, Fields] = {"codex": CODEX, "copilot": COPILOT}
