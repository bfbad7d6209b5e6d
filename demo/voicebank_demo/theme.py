"""How the demo looks: one theme for all tabs, light and dark, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors, sizes

STATIC = Path(__file__).parent / "static"
_FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace")


class Theme(gr.themes.Base):
    """Ink and teal on paper. No font is fetched from anywhere."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=colors.teal,
            secondary_hue=colors.amber,
            neutral_hue=colors.stone,
            radius_size=sizes.radius_lg,
            font=_FONT,
            font_mono=_MONO,
        )
        self.name = "voicebank"
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            body_text_color_subdued="*neutral_500",  # readable on paper, which the lighter default is not
            body_text_color_subdued_dark="*neutral_400",
            block_radius="*radius_lg",
            container_radius="*radius_lg",
            input_radius="*radius_md",
            block_info_text_color="*neutral_500",
            block_info_text_color_dark="*neutral_400",
            block_background_fill="white",
            block_background_fill_dark="*neutral_900",
            block_border_width="1px",
            block_border_color="*neutral_200",
            block_border_color_dark="*neutral_800",
            block_label_background_fill="transparent",
            block_label_background_fill_dark="transparent",
            block_label_border_width="0px",
            block_label_text_color="*neutral_500",
            block_label_text_weight="500",
            block_title_text_weight="500",
            block_title_text_color="*neutral_600",
            block_title_text_color_dark="*neutral_300",
            block_shadow="none",
            input_background_fill="*neutral_50",
            input_background_fill_dark="*neutral_950",
            input_border_color="*neutral_200",
            input_border_color_focus="*primary_500",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_600",
            button_primary_background_fill_dark="*primary_600",
            button_primary_text_color="white",
            button_secondary_background_fill="white",
            button_secondary_background_fill_dark="*neutral_800",
            button_secondary_border_color="*neutral_300",
            button_border_width="1px",
            button_large_text_weight="600",
        )


def css() -> str:
    """The style sheet."""
    return (STATIC / "demo.css").read_text(encoding="utf-8")


def script(name: str) -> str:
    """A script of ``static/``, for the component that it brings to life."""
    return (STATIC / name).read_text(encoding="utf-8")
