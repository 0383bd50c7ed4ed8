"""Drawings of dots, lines and words as SVG and PDF, for papers: vectors, axes and legend, on white."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

FONT = "Helvetica"
LETTER = 0.53
"""The mean width of Helvetica's letters, of the size: centred words are off by a letter at most."""


@dataclass(frozen=True)
class Dots:
    """Discs of one colour at points (x, y), y upwards."""

    points: Sequence[tuple[float, float]]
    colour: str
    radius: float


@dataclass(frozen=True)
class Line:
    """A line through points (x, y), y upwards."""

    points: Sequence[tuple[float, float]]
    colour: str = "#000000"
    width: float = 0.8
    dashed: bool = False


@dataclass(frozen=True)
class Words:
    """Words at a point (x, y) of their base line: their start, or their middle; upright ones are read from the right."""

    text: str
    x: float
    y: float
    size: float = 9
    centred: bool = True
    upright: bool = False
    colour: str = "#000000"


@dataclass
class Drawing:
    """What is drawn, from below, on a sheet of `width` x `height` points, cut at `frame` (left, bottom, side, side)."""

    width: float
    height: float
    frame: tuple[float, float, float, float]
    parts: list[Dots | Line | Words] = field(default_factory=list)

    def svg(self) -> bytes:
        """The drawing as an SVG file."""
        left, bottom, wide, high = self.frame
        rectangle = f'x="{left}" y="{self.height - bottom - high}" width="{wide}" height="{high}"'
        clip = f'<clipPath id="frame"><rect {rectangle}/></clipPath>'
        body = "\n".join(map(self._svg, self.parts))
        size = f'width="{self.width}pt" height="{self.height}pt" viewBox="0 0 {self.width} {self.height}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}, Arial">{clip}\n{body}</svg>\n'.encode()

    def _svg(self, part: Dots | Line | Words) -> str:
        if isinstance(part, Words):
            place = f"{part.x:.2f} {self.height - part.y:.2f}"
            turn = f' transform="rotate(-90 {place})"' if part.upright else ""
            x, y = place.split()
            anchor = "middle" if part.centred else "start"
            look = f'font-size="{part.size}" text-anchor="{anchor}" fill="{part.colour}"'
            return f'<text x="{x}" y="{y}" {look}{turn}>{html.escape(part.text)}</text>'
        places = [(x, self.height - y) for x, y in part.points]
        if isinstance(part, Line):
            dash = ' stroke-dasharray="4 3"' if part.dashed else ""
            path = " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
            style = f'fill="none" stroke="{part.colour}" stroke-width="{part.width}"'
            return f'<polyline points="{path}" {style}{dash} clip-path="url(#frame)"/>'
        discs = "".join(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{part.radius}"/>' for x, y in places)
        return f'<g fill="{part.colour}" clip-path="url(#frame)">{discs}</g>'

    def pdf(self) -> bytes:
        """The drawing as a PDF file of one page, with a font that every reader has."""
        content = "\n".join(map(self._pdf, self.parts)).encode("cp1252", "replace")
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {self.width} {self.height}] /Contents 4 0 R /Resources"
        font = f"<< /Type /Font /Subtype /Type1 /BaseFont /{FONT} /Encoding /WinAnsiEncoding >>"
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"{page} << /Font << /F {font} >> >> >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
        file, offsets = b"%PDF-1.4\n", []
        for number, written in enumerate(objects, start=1):
            offsets.append(len(file))
            file += b"%d 0 obj\n%s\nendobj\n" % (number, written)
        table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
        end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>"
        return file + f"{end}\nstartxref\n{len(file)}\n%%EOF\n".encode()

    def _pdf(self, part: Dots | Line | Words) -> str:
        if isinstance(part, Words):
            text = part.text.replace("\u2212", "-").replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            back = LETTER * part.size * len(part.text) / 2 if part.centred else 0
            x, y = (part.x, part.y - back) if part.upright else (part.x - back, part.y)
            turn = "0 1 -1 0" if part.upright else "1 0 0 1"
            return f"BT {_rgb(part.colour)} rg /F {part.size} Tf {turn} {x:.2f} {y:.2f} Tm ({text}) Tj ET"
        colour = _rgb(part.colour)
        clip = "{:.2f} {:.2f} {:.2f} {:.2f} re W n".format(*self.frame)
        if isinstance(part, Line):
            path = " l ".join(f"{x:.2f} {y:.2f}" for x, y in part.points).replace(" l ", " m ", 1) + " l"
            return f"q {clip} {colour} RG {part.width} w {'[4 3] 0 d ' if part.dashed else ''}{path} S Q"
        discs = " ".join(f"{x:.2f} {y:.2f} m {x:.2f} {y:.2f} l" for x, y in part.points)  # lines of no length with round ends
        return f"q {clip} {colour} RG 1 J {2 * part.radius} w {discs} S Q"


def _rgb(colour: str) -> str:
    """Red, green and blue of "#rrggbb" as PDF writes them."""
    return " ".join(f"{int(colour[start : start + 2], 16) / 255:.3f}" for start in (1, 3, 5))
