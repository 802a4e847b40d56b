"""The pictures. The colours are readable on white and on black, since a picture has no background of its own."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from figures import MEMORY, START, Results, trickle
from programs import BARE, INITS, LULL, MUSL, Init

WIDTH = 800
LEFT, RIGHT, TOP, BOTTOM = 140, 72, 56, 52  # margins
ROW, BAR = 38, 22
TEXT, GRID = "#6e7781", "#8c959f"
GREEN, RED, AMBER, VIOLET, BLUE = "#2da44e", "#e5534b", "#bf8700", "#8f6be8", "#4184e4"
COLOURS = dict(zip((init.name for init in INITS), (GRID, TEXT, GREEN, AMBER, VIOLET, RED, BLUE)))


def text(x: float, y: float, words: str, anchor: str = "middle", colour: str = TEXT, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def picture(height: float, title: str, below: str, parts: Sequence[str]) -> str:
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
        f' role="img" font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        text(16, 22, title, "start", more='font-size="16" font-weight="600"'),
        text(16, 42, below, "start"),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


# --- Bars ---------------------------------------------------------------------------------------------------------


def round_step(most: float) -> float:
    """Between lines of a grid that has some five of them."""
    power = 10 ** math.floor(math.log10(most / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * 6 >= most)


def bars(rows: Sequence[tuple[Init, Sequence[tuple[float, str]]]], unit: str) -> tuple[float, list[str]]:
    """A row for each init, of one part or more, each with its colour. Returns the height as well."""
    most = max(sum(size for size, _ in sizes) for _, sizes in rows)
    step, scale = round_step(most), (WIDTH - LEFT - RIGHT) / most
    bottom = TOP + 8 + ROW * len(rows)
    parts = []
    for i in range(int(most / step) + 1):
        x = LEFT + i * step * scale
        parts.append(line(x, TOP, x, bottom, GRID, f'stroke-opacity="{0.25 if i else 1}"'))
        parts.append(text(x, bottom + 18, f"{i * step:g}"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + 40, unit))
    for i, (init, sizes) in enumerate(rows):
        x, y = float(LEFT), TOP + 8 + ROW * i + (ROW - BAR) / 2
        weight = 'font-weight="600"' if init == LULL else ""
        parts.append(text(LEFT - 10, y + BAR - 6, init.name, "end", more=weight))
        for size, colour in sizes:
            width = size * scale
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>')
            x += width
        parts.append(text(x + 8, y + BAR - 6, f"{sum(size for size, _ in sizes):.0f}", "start", more=weight))
    return bottom + BOTTOM, parts


def draw_start(results: Results) -> str:
    rows = [(init, [(START.of(results, init), COLOURS[init.name])]) for init in INITS]
    height, parts = bars(rows, "added start time in microseconds, compared with no init")
    below = "from execve of the init to the app's first instruction, on one CPU"
    return picture(height, "Starting", below, parts)


def draw_memory(results: Results) -> str:
    dirty, pss, tables = MEMORY
    rows = []
    for init in INITS:
        own, shared = dirty.of(results, init), pss.of(results, init) - dirty.of(results, init)
        rows.append((init, [(own, RED), (max(0, shared), AMBER), (tables.of(results, init), BLUE)]))
    height, parts = bars(rows, "kB, idle")
    x = LEFT + 222
    for words, colour in (("private and dirty", RED), ("the rest of PSS", AMBER), ("page tables", BLUE)):
        parts.append(f'<rect x="{x}" y="31" width="12" height="12" fill="{colour}"/>')
        parts.append(text(x + 18, 42, words, "start"))
        x += 30 + 8 * len(words)
    return picture(height, "Memory", "one idle init", parts)


# --- Lines --------------------------------------------------------------------------------------------------------


def draw_orphans(results: Results) -> str:
    """Both axes by powers of ten, but for none at all, which has its place on the left."""
    height, legend = 420.0, 150
    lives = sorted(results.extent.live)
    curves = {init: [trickle(results, live, init) for live in lives] for init in INITS}
    highest = math.ceil(math.log10(max(max(curve) for curve in curves.values())))
    bottom, left, right = height - BOTTOM, 64, WIDTH - legend
    xs = [left + (right - left) * i / (len(lives) - 1) for i in range(len(lives))]

    def y(us: float) -> float:
        return bottom - (bottom - TOP) * max(0.0, math.log10(us)) / highest

    parts = []
    for power in range(highest + 1):
        parts.append(line(left, y(10**power), right, y(10**power), GRID, f'stroke-opacity="{0.25 if power else 1}"'))
        parts.append(text(left - 8, y(10**power) + 5, f"{10**power:,}".replace(",", " "), "end"))
    for x, live in zip(xs, lives):
        parts.append(line(x, bottom, x, bottom + 5, GRID))
        parts.append(text(x, bottom + 21, f"{live:,}".replace(",", " ")))
    parts.append(text((left + right) / 2, bottom + 42, "live children"))
    for i, init in sorted(enumerate(INITS), key=lambda place: place[1] == LULL):  # lull above the others
        pen = f'stroke-width="{3 if init == LULL else 1.75}"'
        pen += ' stroke-dasharray="6 4"' if init in (BARE, MUSL) else ""
        at = " ".join(f"{x:.1f},{y(us):.1f}" for x, us in zip(xs, curves[init]))
        parts.append(f'<polyline points="{at}" fill="none" stroke="{COLOURS[init.name]}" {pen}/>')
        key = TOP + 20 + 24 * i
        parts.append(line(right + 14, key - 5, right + 34, key - 5, COLOURS[init.name], pen))
        parts.append(text(right + 40, key, init.name, "start", more='font-size="12"'))
    below = "CPU time of the init for each orphan in microseconds; one orphan exits every millisecond"
    return picture(height, "Reaping an orphan", below, parts)


def write(directory: Path, results: Results) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, drawn in (("start", draw_start), ("memory", draw_memory), ("orphans", draw_orphans)):
        (directory / f"bench-{name}.svg").write_text(drawn(results), encoding="utf-8")
