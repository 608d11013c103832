"""Prompts: what ends a render, what is quietly left out, and what comes of each directive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.agents.files import LARGEST_BYTES
from gestalt_session.agents.prompts import Library, PromptFailed, Rendered, is_text, render

Render = Callable[..., Rendered]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Write prompts: name and text."""

    def written(**texts: str | bytes) -> None:
        (tmp_path / "prompts").mkdir(exist_ok=True)
        for name, text in texts.items():
            data = text.encode() if isinstance(text, str) else text
            (tmp_path / "prompts" / f"{name}.md").write_bytes(data)

    return written


@pytest.fixture
def rendered(tmp_path: Path) -> Render:
    """Render the prompt `p`, or another."""

    def result(name: str = "p") -> Rendered:
        library = Library(tmp_path / "prompts", tmp_path)
        return render(name, library, session_id="X 1", ports={"frontend": 57417})

    return result


# -- refusals


@pytest.mark.parametrize(
    "name", ["none", "../secret", "/etc/passwd", "a/../../secret", "a\0b", "x" * 5_000, "loop", ""]
)
def test_a_prompt_that_is_not_in_its_folder_is_not_found(tmp_path: Path, rendered: Render, name: str) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "prompts" / "a").mkdir(parents=True)
    (tmp_path / "prompts" / "loop.md").symlink_to("loop.md")
    with pytest.raises(PromptFailed, match="not found"):
        rendered(name)


def test_cycles_are_told(write: Callable[..., None], rendered: Render) -> None:
    write(p="{{include q}}", q="{{include p}}")
    with pytest.raises(PromptFailed, match=r"prompt include cycle detected: p\.md -> q\.md -> p\.md"):
        rendered()
    write(p="{{include p}}")
    with pytest.raises(PromptFailed, match="cycle"):
        rendered()


def test_chains_have_three_files_at_the_most(write: Callable[..., None], rendered: Render) -> None:
    write(p="{{include q}}", q="{{include r}}", r="{{include s}}", s="end")
    with pytest.raises(PromptFailed, match=r"prompt include depth exceeded \(3\): p\.md -> q\.md -> r\.md -> s\.md"):
        rendered()
    assert rendered("q").text == "end"


@pytest.mark.parametrize("content", [b"\xff", b"a\0b", b"\x01\x02a", b"x" * (LARGEST_BYTES + 1)])
def test_a_prompt_that_cannot_be_read_ends_the_render_and_an_include_is_left_out(
    write: Callable[..., None], rendered: Render, content: bytes
) -> None:
    write(bad=content, p="a{{include bad}}b")
    with pytest.raises(PromptFailed, match=r"bad\.md"):
        rendered("bad")
    assert rendered().text == "ab"
    assert "bad" in rendered().warnings[0]


def test_all_of_it_together_is_bounded(write: Callable[..., None], rendered: Render) -> None:
    write(a="x" * LARGEST_BYTES, b="y" * LARGEST_BYTES, p="{{include a}}{{include b}}")
    with pytest.raises(PromptFailed, match="with its includes"):
        rendered()


def test_includes_are_counted(write: Callable[..., None], rendered: Render) -> None:
    write(p="{{include none}}\n" * 201)
    with pytest.raises(PromptFailed, match="more than 200 includes"):
        rendered()


@pytest.mark.parametrize("text", ["{{include" + " " * 250_000, "{{include " * 25_000, " " * 250_000 + "{{port"])
def test_a_page_of_half_directives_is_read_in_one_go(write: Callable[..., None], rendered: Render, text: str) -> None:
    write(p=text)
    assert rendered().text == text


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret.md", "./../secret.md", "..\\secret.md", "d/out.md"])
def test_includes_do_not_leave_the_workspace(
    tmp_path: Path, write: Callable[..., None], rendered: Render, name: str
) -> None:
    secret = tmp_path.parent / "secret.md"
    secret.write_text("secret")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "out.md").symlink_to(secret)
    write(p=f"a\n{{{{include {name}}}}}\nb\n")
    assert rendered().text == "a\nb\n"


# -- directives


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{{session id}} on {{ port Frontend }}", "X 1 on 57417"),
        ("  {{session id}}\t\r\nb", "X 1\nb"),
        ("{{port frontend}}", "57417\n"),
        ("a\n{{port nothing}}\nb", "a\nb"),
        ("a{{port nothing}}b{{session name}}", "ab"),
        ("{{port " + "f" * 33 + "}}", ""),
        ("\\{{session id}} {{unknown x}} {{ }} {{session}}", "{{session id}} {{unknown x}} {{ }} {{session}}"),
        ("a {{include q}} b", "a Q\n b"),
        ("a\n{{include q}}\nb", "a\nQ\nb"),
        ("a\n{{include r}}\nb", "a\nR\nb"),
        ("{{include q}}{{include q}}", "Q\n"),
        ("{{include q.md}}{{include q}}", "Q\n"),
        ("{{include none}}", ""),
    ],
)
def test_what_comes_of_it(write: Callable[..., None], rendered: Render, text: str, becomes: str) -> None:
    write(p=text, q="Q\n", r="R")
    assert rendered().text == becomes


def test_files_are_named_in_their_order(write: Callable[..., None], rendered: Render) -> None:
    write(p="{{include q}}{{include r}}", q="{{include s}}", r="R", s="S")
    assert rendered().files == ("p.md", "q.md", "s.md", "r.md")


def test_suffixes_are_guessed_in_their_order_and_exact_when_given(tmp_path: Path, rendered: Render) -> None:
    (tmp_path / "prompts").mkdir()
    for suffix in ("txt", "md", "tmpl"):
        (tmp_path / "prompts" / f"p.{suffix}").write_text(suffix)
        assert rendered("p").text == suffix
    assert rendered("p.txt").text == "txt"


def test_includes_by_path_begin_at_the_workspace_and_bare_ones_have_a_second_place(
    tmp_path: Path, write: Callable[..., None], rendered: Render
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.org").write_text("doc")
    (tmp_path / ".gestalt" / "prompts").mkdir(parents=True)
    (tmp_path / ".gestalt" / "prompts" / "more.md").write_text("more")
    write(p="{{include ./docs/a.org}} {{include docs/a}} {{include more}}")
    assert rendered().text == "doc  more"


def test_any_alphabet_is_text(write: Callable[..., None], rendered: Render) -> None:
    write(p="{{include q}}", q="漢字かな Кириллица עברית 😀")
    assert rendered().text == "漢字かな Кириллица עברית 😀"
    assert is_text("\N{BYTE ORDER MARK}x".encode())


@given(st.text(st.characters(exclude_characters="{}\\\0", codec="utf-8"), min_size=1))
def test_text_without_directives_stays_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("prompts")
    (folder / "p.md").write_bytes(text.encode())
    if is_text(text.encode()):
        shown = render("p", Library(folder, folder), session_id="", ports={}).text
        assert shown == text.removeprefix("\N{BYTE ORDER MARK}")
