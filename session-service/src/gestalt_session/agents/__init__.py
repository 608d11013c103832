"""Agents as the workspace describes them: profiles, skills, prompts, and how each is started. No HTTP, no Redis."""
