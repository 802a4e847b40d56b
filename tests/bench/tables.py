"""Tables of figures, as text for a terminal and as Markdown for a page. This module judges nothing."""

from collections.abc import Iterable, Sequence

from checks import Check
from figures import FIGURES, Figure, Results, keeps_values, value
from programs import BARE, INITS, LULL, NONE, PEERS, Init

Table = list[list[str]]  # the first row is the header


def shown(figure: Figure, number: float | None) -> str:
    return "" if number is None else format(number, figure.form)


def label(figure: Figure) -> str:
    return f"{figure.words}, {figure.unit}" if figure.unit else figure.words


def figures_table(results: Results) -> Table:
    inits = (NONE, *INITS)
    rows = [["figure", *(init.name for init in inits)]]
    for figure in FIGURES:
        rows.append([label(figure), *(shown(figure, value(figure, results, init)) for init in inits)])
    values = ["yes" if keeps_values(results, init) else "no" for init in inits]
    rows.append(["forwards the value of sigqueue(3)", *values])
    return rows


def ratios_table(results: Results) -> Table:
    """Ratios to the floor without a C library, if that is not 0."""
    rows = [["figure", *(init.name for init in INITS)]]
    for figure in FIGURES:
        floor = figure.of(results, BARE)
        if floor != 0:
            rows.append([figure.words, *(ratio(figure.of(results, init) / floor) for init in INITS)])
    return rows


def checks_table(measured: Sequence[Check]) -> Table:
    rows = [["connections", "all idle, us", "one more that is busy, us"]]
    return rows + [[str(check.connections), f"{check.idle_us:.0f}", f"{check.busy_us:.0f}"] for check in measured]


def ratio(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def best_peer(figure: Figure, results: Results) -> Init:
    return min(PEERS, key=lambda init: figure.of(results, init))


def goals_table(results: Results) -> Table:
    rows = [["figure", "goal", "lull", "reached", "best peer", "floor"]]
    for figure in FIGURES:
        if figure.goal is None:
            continue
        peer, floor = best_peer(figure, results), figure.of(results, BARE)
        scale = floor if figure.to_floor else 1
        form = "{:.2f} x" if figure.to_floor else f"{{:{figure.form}}}"
        lull = figure.of(results, LULL) / scale
        row = [f"{figure.words}, ratio to the floor" if figure.to_floor else label(figure)]
        row += [f"{figure.goal:g} x" if figure.to_floor else f"{figure.goal:g}", form.format(lull)]
        row += ["yes" if float(f"{lull:.2f}") <= figure.goal else f"no, {times(lull, figure.goal)}"]
        row += [f"{form.format(figure.of(results, peer) / scale)} ({peer.name})", form.format(floor / scale)]
        rows.append(row)
    return rows


def times(number: float, goal: float) -> str:
    return f"{number / goal:.2f} times the goal" if goal else f"{number:g} more"


# --- Forms --------------------------------------------------------------------------------------------------------


def as_text(table: Table) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
        yield "  ".join([row[0].ljust(widths[0]), *others]).rstrip()


def as_markdown(table: Table) -> str:
    header, *rows = table
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
