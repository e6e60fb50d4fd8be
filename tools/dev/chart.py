"""Bars as SVG: each row's median beside the bound that it is held to, both on the row's own scale."""

from html import escape

ROW, LEFT, WIDTH, RIGHT = 26, 440, 360, 200


def bars(path, rows):
    """rows: those of bench.Figures with a bound; the bound's line is where the bar should end or pass."""
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{ROW * len(rows) + 20}" '
             'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for number, row in enumerate(rows):
        least, most = row["wanted"]["least"], row["wanted"]["most"]
        bound = least if least is not None else most
        scale = WIDTH / max(row["most"], bound) / 1.05
        top = 10 + number * ROW
        colour = "#2a7f62" if row["met"] else "#b5402c"
        lines += [
            f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(row["name"])}</text>',
            f'<rect x="{LEFT}" y="{top + 4}" width="{row["median"] * scale:.1f}" height="{ROW - 10}" fill="{colour}"/>',
            f'<line x1="{LEFT + row["least"] * scale:.1f}" x2="{LEFT + row["most"] * scale:.1f}" y1="{top + 12}" '
            f'y2="{top + 12}" stroke="black"/>',
            f'<line x1="{LEFT + bound * scale:.1f}" x2="{LEFT + bound * scale:.1f}" y1="{top}" y2="{top + ROW - 2}" '
            'stroke="black" stroke-dasharray="3 2"/>',
            f'<text x="{LEFT + WIDTH + 8}" y="{top + 15}">{row["median"]:.3g} {escape(row["unit"])}, wanted '
            f'{"≥" if least is not None else "≤"} {bound:g}</text>',
        ]
    path.write_text("\n".join([*lines, "</svg>", ""]))
